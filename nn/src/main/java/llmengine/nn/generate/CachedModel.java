package llmengine.nn.generate;

import java.util.Arrays;
import java.util.function.BooleanSupplier;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;
import llmengine.nn.Batch;
import llmengine.nn.Decoder;

/**
 * A model with the keys and values of several sequences. Prompts run in the arithmetic of tiles, in
 * pieces cut at multiples of {@link #PIECE} positions; generated tokens and everything that is
 * turned into a next token run in the arithmetic of rows. So the logits of a sequence depend on its
 * own tokens only, not on what else is in the batch, and the memory of a step is bounded however
 * long a prompt is.
 */
public final class CachedModel implements AutoCloseable {
  /** Prompt tokens that run at a time, and where prompts are cut. */
  public static final int PIECE = 512;

  /** Takes the logits of one sequence; the array is reused for the next. */
  @FunctionalInterface
  public interface LogitsReader {
    /**
     * @param index place in the lists of the call
     */
    void logits(int index, float[] logits);
  }

  private final Decoder model;
  private final KvCache cache;
  private final float[] logits;

  public CachedModel(Decoder model, int slots) {
    this.model = model;
    this.cache = model.cache(slots);
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
   * @param slots empty ones, or ones that hold a proper prefix of their prompt
   * @return false if cancelled before all were read
   */
  public boolean prefill(
      int[] slots, int[][] prompts, BooleanSupplier cancelled, LogitsReader reader) {
    int first = 0; // all before it are done
    while (first < slots.length) {
      if (cancelled.getAsBoolean()) {
        return false;
      }
      int end = first;
      int tokens = 0;
      while (end < slots.length) {
        int piece = piece(slots[end], prompts[end]);
        if (end > first && tokens + piece > PIECE) {
          break;
        }
        tokens += piece;
        end++;
        if (cache.length(slots[end - 1]) + piece < prompts[end - 1].length) {
          break; // its next piece comes first
        }
      }
      first = run(first, end, slots, prompts, reader);
    }
    return true;
  }

  private int piece(int slot, int[] prompt) {
    int from = cache.length(slot);
    return Math.min(prompt.length, (from / PIECE + 1) * PIECE) - from;
  }

  /**
   * Runs the next piece of prompts {@code first} to {@code end} (exclusive); returns how many
   * prompts are done.
   */
  private int run(int first, int end, int[] slots, int[][] prompts, LogitsReader reader) {
    int n = end - first;
    int[] counts = new int[n];
    int total = 0;
    for (int i = 0; i < n; i++) {
      counts[i] = piece(slots[first + i], prompts[first + i]);
      total += counts[i];
    }
    int[] ids = new int[total];
    int[] lastRows = new int[n];
    int at = 0;
    for (int i = 0; i < n; i++) {
      int from = cache.length(slots[first + i]);
      System.arraycopy(prompts[first + i], from, ids, at, counts[i]);
      at += counts[i];
      lastRows[i] = at - 1;
    }
    int[] used = Arrays.copyOfRange(slots, first, end);
    try (Scope scope = new Scope(model.backend(), "prompt")) {
      Tensor hidden =
          model.hidden(
              Tape.inference(scope), Batch.next(scope, cache, ids, used, counts)); // (M, C)
      int done = end;
      if (cache.length(slots[end - 1]) < prompts[end - 1].length) {
        done--; // only the last one can be incomplete
      }
      if (done > first) {
        Tensor last = scope.empty(DType.F32, done - first, hidden.cols());
        model.backend().gatherRows(hidden, scope.of(Arrays.copyOf(lastRows, done - first)), last);
        read(model.logits(Tape.inference(scope).withRows(), last), first, reader);
      }
      return done;
    }
  }

  /** Runs one token of each sequence and reads the logits behind it. */
  public void step(int[] slots, int[] ids, LogitsReader reader) {
    int[] counts = new int[slots.length];
    Arrays.fill(counts, 1);
    try (Scope scope = new Scope(model.backend(), "generated token")) {
      Tape tape = Tape.inference(scope).withRows();
      Tensor hidden = model.hidden(tape, Batch.next(scope, cache, ids, slots, counts));
      read(model.logits(tape, hidden), 0, reader);
    }
  }

  private void read(Tensor values, int first, LogitsReader reader) {
    for (int i = 0; i < values.rows(); i++) {
      model.backend().read(values.rows(i, i + 1), logits, 0);
      reader.logits(first + i, logits);
    }
  }

  @Override
  public void close() {
    cache.close();
  }
}
