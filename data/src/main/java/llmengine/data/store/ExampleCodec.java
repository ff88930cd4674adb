package llmengine.data.store;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import llmengine.data.process.Example;
import llmengine.data.process.Feedback;

/**
 * A training row as little-endian ints: number of ids, of labels, of samples, of segments;
 * feedback; number of label runs; sample lengths (where positions restart); label runs; ids.
 * Segments are either the samples or one. A label run is its kind (2 high bits) and length; labels
 * mostly repeat the id or are masked, so that only other labels are written out.
 */
final class ExampleCodec {
  static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN).withByteAlignment(1);

  private static final int HEADER = 6;
  private static final int MASKED = 0;
  private static final int COPIED = 1 << 30;
  private static final int WRITTEN = 2 << 30;
  private static final int LENGTH = (1 << 30) - 1;

  private ExampleCodec() {}

  static int[] encode(Example example) {
    int[] samples = samples(example.positions());
    var out = new IntList(HEADER + samples.length + 16 + example.ids().length);
    out.add(example.ids().length);
    out.add(example.labels().length);
    out.add(samples.length);
    out.add(example.segments().length);
    out.add(example.feedback().ordinal());
    out.add(0);
    out.addAll(samples);
    int runs = 0;
    int[] labels = example.labels();
    for (int from = 0; from < labels.length; runs++) {
      int kind = kind(example, from);
      int to = from + 1;
      while (to < labels.length && kind(example, to) == kind) {
        to++;
      }
      out.add(kind | to - from);
      if (kind == WRITTEN) {
        out.addAll(Arrays.copyOfRange(labels, from, to));
      }
      from = to;
    }
    out.set(HEADER - 1, runs);
    out.addAll(example.ids());
    return out.toArray();
  }

  /** The row that starts at byte {@code offset}. */
  static Example decode(MemorySegment shard, long offset) {
    var in = new Reader(shard, offset);
    int[] ids = new int[in.next()];
    int[] labels = new int[in.next()];
    int[] samples = new int[in.next()];
    int segments = in.next();
    Feedback feedback = Feedback.values()[in.next()];
    int[] runs = new int[in.next()];
    in.fill(samples);
    int[] written = new int[labels.length];
    int at = 0;
    for (int r = 0; r < runs.length; r++) {
      runs[r] = in.next();
      int length = runs[r] & LENGTH;
      if ((runs[r] & ~LENGTH) == WRITTEN) {
        for (int i = 0; i < length; i++) {
          written[at + i] = in.next();
        }
      }
      at += length;
    }
    in.fill(ids);
    at = 0;
    for (int run : runs) {
      int length = run & LENGTH;
      switch (run & ~LENGTH) {
        case MASKED -> Arrays.fill(labels, at, at + length, Example.IGNORED);
        case COPIED -> System.arraycopy(ids, at, labels, at, length);
        default -> System.arraycopy(written, at, labels, at, length);
      }
      at += length;
    }
    int[] positions = new int[ids.length];
    at = 0;
    for (int sample : samples) {
      for (int p = 0; p < sample; p++) {
        positions[at++] = p;
      }
    }
    return new Example(
        ids,
        labels,
        positions,
        segments == samples.length ? samples : new int[] {ids.length},
        feedback);
  }

  private static int kind(Example example, int t) {
    int label = example.labels()[t];
    if (label == Example.IGNORED) {
      return MASKED;
    }
    return t < example.ids().length && example.ids()[t] == label ? COPIED : WRITTEN;
  }

  /** Lengths of the stretches of positions that count up from 0. */
  private static int[] samples(int[] positions) {
    var samples = new IntList(8);
    int start = 0;
    for (int i = 1; i <= positions.length; i++) {
      if (i == positions.length || positions[i] == 0) {
        samples.add(i - start);
        start = i;
      }
    }
    return samples.toArray();
  }

  private static final class Reader {
    private final MemorySegment shard;
    private long offset;

    Reader(MemorySegment shard, long offset) {
      this.shard = shard;
      this.offset = offset;
    }

    int next() {
      int value = shard.get(INT, offset);
      offset += Integer.BYTES;
      return value;
    }

    void fill(int[] out) {
      MemorySegment.copy(shard, INT, offset, out, 0, out.length);
      offset += (long) Integer.BYTES * out.length;
    }
  }

  private static final class IntList {
    private int[] values;
    private int size;

    IntList(int capacity) {
      values = new int[capacity];
    }

    void add(int value) {
      if (size == values.length) {
        values = Arrays.copyOf(values, 2 * size);
      }
      values[size++] = value;
    }

    void addAll(int[] more) {
      if (size + more.length > values.length) {
        values = Arrays.copyOf(values, Math.max(2 * values.length, size + more.length));
      }
      System.arraycopy(more, 0, values, size, more.length);
      size += more.length;
    }

    void set(int index, int value) {
      values[index] = value;
    }

    int[] toArray() {
      return Arrays.copyOf(values, size);
    }
  }
}
