package llmengine.train.stage;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import llmengine.data.batch.Collator;
import llmengine.data.batch.MicroBatch;
import llmengine.data.process.Example;
import llmengine.data.store.TokenizedDataset;
import llmengine.train.TrainException;

/**
 * A reference whose numbers are kept on disk, so that each row of a dataset is computed once, in
 * whatever epoch or run. A frozen reference always gives the same bits for a row, however rows are
 * batched, so nothing changes but the time. The file is an array of doubles, two to a row, mapped
 * into memory and filled as rows come; its name is a digest of all that the numbers depend on.
 */
public final class CachedReference implements Reference {
  private static final ValueLayout.OfLong BITS = ValueLayout.JAVA_LONG_UNALIGNED;

  /** Sequences of a preference row. */
  private static final int PARTS = 2;

  private final Reference computed;
  private final Path folder;
  private final String digest;
  private final Arena arena = Arena.ofShared();
  private final Map<Path, MemorySegment> files = new HashMap<>();

  /**
   * @param computed closed with this
   * @param folder where the files lie
   * @param digest of the reference model: weights, adapters, arithmetic
   */
  public CachedReference(Reference computed, Path folder, String digest) {
    this.computed = computed;
    this.folder = folder;
    this.digest = digest;
  }

  @Override
  public double[] logProbs(TokenizedDataset set, MicroBatch rows) {
    // the folder of tokens is named by a digest of data, tokenizer and template
    MemorySegment file =
        files.computeIfAbsent(
            set.folder(), tokens -> open(tokens.getFileName() + "-" + digest, set.size()));
    fill(file, set, rows);
    double[] values = new double[PARTS * rows.rows()];
    for (int r = 0; r < rows.rows(); r++) {
      for (int part = 0; part < PARTS; part++) {
        values[PARTS * r + part] =
            Double.longBitsToDouble(file.get(BITS, at(rows.numbers()[r], part)));
      }
    }
    return values;
  }

  /** Computes what the file lacks of these rows. */
  private void fill(MemorySegment file, TokenizedDataset set, MicroBatch rows) {
    List<Example> missing = new ArrayList<>();
    int[] numbers = new int[rows.rows()];
    for (int r = 0; r < rows.rows(); r++) {
      int number = rows.numbers()[r];
      if (file.get(BITS, at(number, 0)) == 0 || file.get(BITS, at(number, 1)) == 0) {
        numbers[missing.size()] = number;
        missing.add(rows.examples().get(r));
      }
    }
    if (missing.isEmpty()) {
      return;
    }
    int[] places = java.util.Arrays.copyOf(numbers, missing.size());
    double[] values = computed.logProbs(set, Collator.collate(missing, places));
    for (int i = 0; i < values.length; i++) {
      // all bits zero means missing: an exact zero is written as its negative
      double value = values[i] == 0 ? -0.0 : values[i];
      if (Double.isFinite(value)) {
        file.set(BITS, at(places[i / PARTS], i % PARTS), Double.doubleToRawLongBits(value));
      } else {
        throw new TrainException(
            "reference: row "
                + places[i / PARTS]
                + ": expected a finite log-probability, got "
                + value
                + ". The reference model's weights hold NaN or too large values.");
      }
    }
  }

  private static long at(int row, int part) {
    return Long.BYTES * ((long) PARTS * row + part);
  }

  private MemorySegment open(String name, int rows) {
    Path path = folder.resolve(name + ".logps");
    try {
      Files.createDirectories(folder);
      try (FileChannel channel =
          FileChannel.open(
              path,
              StandardOpenOption.CREATE,
              StandardOpenOption.READ,
              StandardOpenOption.WRITE,
              StandardOpenOption.SPARSE)) {
        long bytes = at(rows, 0);
        if (channel.size() > bytes) {
          throw new IOException("it is of another size: " + channel.size());
        }
        return channel.map(FileChannel.MapMode.READ_WRITE, 0, bytes, arena);
      }
    } catch (IOException e) {
      throw new TrainException(
          path
              + ": the cache of the reference can't be used: expected room and permission, got: "
              + e.getMessage()
              + ". Set ENGINE_CACHE to another folder or reference_cache: false.",
          e);
    }
  }

  @Override
  public void close() {
    arena.close();
    computed.close();
  }
}
