package llmengine.nn.generate;

import java.util.Arrays;
import java.util.SplittableRandom;
import llmengine.nn.Decoder;

/**
 * Tokens a second of a model, measured as llama-bench does: random tokens, an empty cache at the
 * start of every repetition; before them, for {@code warmUp} seconds in which the JVM's compiler
 * sees the code, some that are not counted.
 *
 * @param test {@code pp} and the prompt's length, or {@code tg}, the tokens generated and, if there
 *     are several sequences at a time, {@code x} and their number
 * @param samples tokens a second of each repetition
 */
public record Throughput(String test, double[] samples) {
  /** A prompt of {@code tokens} up to the logits behind its last token. */
  public static Throughput prompt(Decoder model, int tokens, int repetitions, double warmUp) {
    int[][] prompt = {ids(model, tokens)};
    try (CachedModel cached = new CachedModel(model)) {
      KvSequence[] keys = {cached.cache().open()};
      return measured(
          "pp" + tokens,
          tokens,
          repetitions,
          warmUp,
          () -> {
            keys[0].truncate(0);
            cached.prefill(keys, prompt, () -> false, (i, logits) -> {});
          });
    }
  }

  /** {@code tokens} tokens one by one in each of {@code batch} sequences, with their logits. */
  public static Throughput generation(
      Decoder model, int tokens, int batch, int repetitions, double warmUp) {
    int[] ids = ids(model, tokens * batch);
    try (CachedModel cached = new CachedModel(model)) {
      KvSequence[] keys = new KvSequence[batch];
      Arrays.setAll(keys, i -> cached.cache().open());
      return measured(
          "tg" + tokens + (batch == 1 ? "" : "x" + batch),
          (long) tokens * batch,
          repetitions,
          warmUp,
          () -> {
            for (KvSequence k : keys) {
              k.truncate(0);
            }
            for (int t = 0; t < tokens; t++) {
              int[] next = Arrays.copyOfRange(ids, t * batch, (t + 1) * batch);
              cached.step(keys, next, (i, logits) -> {});
            }
          });
    }
  }

  private static Throughput measured(
      String test, long tokens, int repetitions, double warmUp, Runnable run) {
    warmUp(run, warmUp);
    double[] samples = new double[repetitions];
    for (int i = 0; i < repetitions; i++) {
      long start = System.nanoTime();
      run.run();
      samples[i] = tokens / ((System.nanoTime() - start) / 1e9);
    }
    return new Throughput(test, samples);
  }

  /** One repetition at least. */
  private static void warmUp(Runnable run, double seconds) {
    long start = System.nanoTime();
    do {
      run.run();
    } while (System.nanoTime() - start < 1e9 * seconds);
  }

  private static int[] ids(Decoder model, int count) {
    return new SplittableRandom(1).ints(count, 0, model.spec().vocab()).toArray();
  }

  public double mean() {
    return Arrays.stream(samples).average().orElseThrow();
  }

  /** Of the sample, with n - 1; 0 for one. */
  public double standardDeviation() {
    double mean = mean();
    double sum = Arrays.stream(samples).map(s -> (s - mean) * (s - mean)).sum();
    return samples.length == 1 ? 0 : Math.sqrt(sum / (samples.length - 1));
  }
}
