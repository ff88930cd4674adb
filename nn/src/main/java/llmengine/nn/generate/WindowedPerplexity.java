package llmengine.nn.generate;

import java.util.Arrays;
import java.util.OptionalInt;
import java.util.function.Consumer;
import llmengine.engine.Scope;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;
import llmengine.nn.Batch;
import llmengine.nn.CausalLoss;
import llmengine.nn.Decoder;

/**
 * Perplexity of a text by llama.cpp's method: windows without overlap, of which the second half is
 * scored, so that every scored token sees at least half a window. What is left over at the end is
 * not scored. In each window the first token gives way to bos if the model wants one.
 *
 * @param nll sum of the negative log-likelihoods, in nats
 * @param squares sum of their squares
 * @param tokens scored
 * @param windows scored
 */
public record WindowedPerplexity(double nll, double squares, long tokens, int windows) {

  /** exp(mean negative log-likelihood). */
  public double value() {
    return Math.exp(nll / tokens);
  }

  /** Standard error of {@link #value}, if scored tokens were drawn independently. */
  public double error() {
    double mean = nll / tokens;
    double variance = squares / tokens - mean * mean;
    return tokens < 2 || variance <= 0 ? 0 : Math.sqrt(variance / (tokens - 1)) * value();
  }

  /**
   * Scores a text.
   *
   * @param ids of the text, at least two windows
   * @param window tokens, at least 4 and at most the model's context
   * @param bos put in the first place of each window; empty for none
   * @param most windows to score
   * @param rows whether to compute in the arithmetic of generated tokens instead of prompts'
   * @param running takes the result so far after each window
   * @throws IllegalArgumentException if a number is out of its range
   */
  public static WindowedPerplexity of(
      Decoder model,
      int[] ids,
      int window,
      OptionalInt bos,
      int most,
      boolean rows,
      Consumer<WindowedPerplexity> running) {
    if (window < 4 || window > model.spec().context() || ids.length < 2 * window || most < 1) {
      throw new IllegalArgumentException(
          "perplexity: expected a window from 4 to the context "
              + model.spec().context()
              + ", at least two windows of ids and one to score, got window "
              + window
              + ", "
              + ids.length
              + " ids and "
              + most
              + ".");
    }
    int first = window / 2;
    int[] scored = new int[window - 1 - first];
    for (int i = 0; i < scored.length; i++) {
      scored[i] = first + i;
    }
    WindowedPerplexity all = new WindowedPerplexity(0, 0, 0, 0);
    for (int w = 0; w < Math.min(most, ids.length / window); w++) {
      int[] part = Arrays.copyOfRange(ids, w * window, (w + 1) * window);
      int[] targets = Arrays.copyOfRange(part, first + 1, window);
      if (bos.isPresent()) {
        part[0] = bos.getAsInt();
      }
      double nll = all.nll;
      double squares = all.squares;
      try (Scope scope = new Scope(model.backend(), "perplexity")) {
        Tape tape = rows ? Tape.inference(scope).withRows() : Tape.inference(scope);
        Tensor hidden = model.hidden(tape, Batch.of(scope, part, window));
        for (float loss : CausalLoss.apply(tape, model, hidden, scored, targets, 0).toFloats()) {
          nll += loss;
          squares += (double) loss * loss;
        }
      }
      all = new WindowedPerplexity(nll, squares, all.tokens + scored.length, w + 1);
      running.accept(all);
    }
    return all;
  }
}
