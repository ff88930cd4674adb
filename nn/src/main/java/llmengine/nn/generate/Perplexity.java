package llmengine.nn.generate;

import java.util.Arrays;
import llmengine.engine.Scope;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;
import llmengine.nn.Batch;
import llmengine.nn.CausalLoss;
import llmengine.nn.Decoder;

/**
 * How well a model predicts a text.
 *
 * @param meanNll mean negative log-likelihood of the scored tokens, in nats
 * @param tokens how many were scored
 */
public record Perplexity(double meanNll, long tokens) {

  /** exp(mean negative log-likelihood). */
  public double value() {
    return Math.exp(meanNll);
  }

  /**
   * Cuts {@code ids} into windows without overlap and scores in each the tokens from place {@code
   * from} on, which see all before them in the window. llama.cpp's rule is window 512, from 257. A
   * last, shorter window counts too.
   *
   * @param from at least 1: nothing predicts the first token of a window
   * @throws IllegalArgumentException if no token would be scored
   */
  public static Perplexity of(Decoder model, int[] ids, int window, int from) {
    if (from < 1 || from >= window || window > model.spec().context() || ids.length <= from) {
      throw new IllegalArgumentException(
          "perplexity: expected 1 <= from < window <= context "
              + model.spec().context()
              + " and more than "
              + from
              + " ids, got from "
              + from
              + ", window "
              + window
              + " and "
              + ids.length
              + " ids.");
    }
    double sum = 0;
    long count = 0;
    for (int start = 0; start + from < ids.length; start += window) {
      int[] part = Arrays.copyOfRange(ids, start, Math.min(ids.length, start + window));
      int[] rows = new int[part.length - from];
      for (int i = 0; i < rows.length; i++) {
        rows[i] = from - 1 + i;
      }
      try (Scope scope = new Scope(model.backend(), "perplexity")) {
        Tape tape = Tape.inference(scope);
        Tensor hidden = model.hidden(tape, Batch.of(scope, part, part.length));
        int[] targets = Arrays.copyOfRange(part, from, part.length);
        sum += model.backend().sum(CausalLoss.apply(tape, model, hidden, rows, targets, 0));
      }
      count += rows.length;
    }
    return new Perplexity(sum / count, count);
  }
}
