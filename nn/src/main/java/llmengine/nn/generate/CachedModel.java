package llmengine.nn.generate;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.BooleanSupplier;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;
import llmengine.nn.Batch;
import llmengine.nn.Decoder;

/**
 * A model with the keys and values of many sequences. Prompts run in the arithmetic of tiles, in
 * pieces cut at multiples of {@link #PIECE} positions; generated tokens and everything that is
 * turned into a next token run in the arithmetic of rows. So the logits of a sequence depend on its
 * own tokens only, not on what else is in the batch, and the memory of a step is bounded however
 * long a prompt is.
 */
public final class CachedModel implements AutoCloseable {
  /** Prompt tokens that run at a time, and where prompts are cut. */
  public static final int PIECE = 512;

  /** Tokens of a sequence that run in the arithmetic of rows at a time. */
  public static final int ROWS = 64;

  /** Takes the logits of one sequence; the array is reused for the next. */
  @FunctionalInterface
  public interface LogitsReader {
    /**
     * @param index place in the list of the call
     */
    void logits(int index, float[] logits);
  }

  /** Takes final hidden states (M, C) of a list of pieces, one after the other. */
  @FunctionalInterface
  public interface HiddenReader {
    void hidden(Tape tape, Tensor hidden);
  }

  /**
   * The next tokens of one sequence.
   *
   * @param keys where those before them are
   * @param ids one or more
   * @param adapter that they run with: a number which {@link RowAdapters} knows
   * @param read whether the logits behind the last one are wanted
   */
  public record Piece(KvSequence keys, int[] ids, int adapter, boolean read) {}

  private final Decoder model;
  private final KvCache cache;
  private final RowAdapters adapters;
  private final float[] logits;

  /** A model whose cache grows with what its sequences hold. */
  public CachedModel(Decoder model) {
    this(model, model.cache(), RowAdapters.none());
  }

  /**
   * @param cache is closed with this
   * @param adapters of the pieces
   */
  public CachedModel(Decoder model, KvCache cache, RowAdapters adapters) {
    this.model = model;
    this.cache = cache;
    this.adapters = adapters;
    this.logits = new float[model.spec().vocab()];
  }

  public KvCache cache() {
    return cache;
  }

  public int vocab() {
    return logits.length;
  }

  /**
   * Runs what the cache does not hold yet of each prompt and reads the logits behind its last
   * token. Prompts whose remaining pieces fit together run together.
   *
   * @param keys empty, or a proper prefix of their prompt
   * @return false if cancelled before all were read
   */
  boolean prefill(
      KvSequence[] keys, int[][] prompts, BooleanSupplier cancelled, LogitsReader reader) {
    int first = 0; // all before it are done
    while (first < keys.length) {
      if (cancelled.getAsBoolean()) {
        return false;
      }
      List<Piece> pieces = new ArrayList<>();
      int tokens = 0;
      for (int i = first; i < keys.length; i++) {
        Piece next = piece(keys[i], prompts[i], PIECE);
        if (i > first && tokens + next.ids.length > PIECE) {
          break;
        }
        tokens += next.ids.length;
        pieces.add(next);
        if (!next.read) {
          break; // its next piece comes first
        }
      }
      int base = first;
      prompts(pieces, (i, values) -> reader.logits(base + i, values));
      first += pieces.size() - (pieces.getLast().read ? 0 : 1);
    }
    return true;
  }

  private static Piece piece(KvSequence keys, int[] prompt, int size) {
    int from = keys.length();
    int to = Math.min(prompt.length, (from / size + 1) * size);
    return new Piece(keys, Arrays.copyOfRange(prompt, from, to), 0, to == prompt.length);
  }

  /**
   * Runs pieces of prompts, those of one adapter next to each other.
   *
   * @param reader of those that say so
   */
  public void prompts(List<Piece> pieces, LogitsReader reader) {
    try (Scope scope = new Scope(model.backend(), "prompt")) {
      Tensor hidden = hidden(Tape.inference(scope), pieces);
      read(scope, pieces, hidden, reader);
    }
  }

  /** Runs pieces of texts for their hidden states. */
  public void texts(List<Piece> pieces, HiddenReader reader) {
    try (Scope scope = new Scope(model.backend(), "prompt")) {
      Tape tape = Tape.inference(scope);
      reader.hidden(tape, hidden(tape, pieces));
    }
  }

  /**
   * Runs generated tokens, those of one adapter next to each other. Of one sequence it makes no
   * difference how many run at a time.
   *
   * @param reader of those that say so
   */
  public void generated(List<Piece> pieces, LogitsReader reader) {
    try (Scope scope = new Scope(model.backend(), "generated token")) {
      read(scope, pieces, hidden(Tape.inference(scope).withRows(), pieces), reader);
    }
  }

  /** Runs one token of each sequence and reads the logits behind it. */
  void step(KvSequence[] keys, int[] ids, LogitsReader reader) {
    List<Piece> pieces = new ArrayList<>();
    for (int i = 0; i < ids.length; i++) {
      pieces.add(new Piece(keys[i], new int[] {ids[i]}, 0, true));
    }
    generated(pieces, reader);
  }

  private Tensor hidden(Tape tape, List<Piece> pieces) {
    int n = pieces.size();
    KvSequence[] keys = new KvSequence[n];
    int[] counts = new int[n];
    int total = 0;
    for (int i = 0; i < n; i++) {
      keys[i] = pieces.get(i).keys;
      counts[i] = pieces.get(i).ids.length;
      total += counts[i];
    }
    int[] ids = new int[total];
    int at = 0;
    for (Piece p : pieces) {
      System.arraycopy(p.ids, 0, ids, at, p.ids.length);
      at += p.ids.length;
    }
    adapters.select(pieces.stream().mapToInt(Piece::adapter).toArray(), counts);
    return model.hidden(tape, Batch.next(tape.scope(), cache, ids, keys, counts)); // (M, C)
  }

  private void read(Scope scope, List<Piece> pieces, Tensor hidden, LogitsReader reader) {
    int[] rows = new int[pieces.size()];
    int[] wanted = new int[rows.length];
    int count = 0;
    int row = -1;
    for (int i = 0; i < rows.length; i++) {
      row += pieces.get(i).ids.length;
      if (pieces.get(i).read) {
        rows[count] = row;
        wanted[count++] = i;
      }
    }
    if (count == 0) {
      return;
    }
    Tensor last = hidden;
    if (count < hidden.rows()) {
      last = scope.empty(DType.F32, count, hidden.cols());
      model.backend().gatherRows(hidden, scope.of(Arrays.copyOf(rows, count)), last);
    }
    int[] adapter = new int[count];
    int[] ones = new int[count];
    Arrays.fill(ones, 1);
    Arrays.setAll(adapter, i -> pieces.get(wanted[i]).adapter);
    adapters.select(adapter, ones);
    Tensor values = model.logits(Tape.inference(scope).withRows(), last);
    for (int i = 0; i < count; i++) {
      model.backend().read(values.rows(i, i + 1), logits, 0);
      reader.logits(wanted[i], logits);
    }
  }

  @Override
  public void close() {
    cache.close();
  }
}
