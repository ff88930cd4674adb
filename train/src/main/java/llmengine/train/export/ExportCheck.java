package llmengine.train.export;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import llmengine.data.template.Chat;
import llmengine.data.template.ChatMessage;
import llmengine.engine.Backend;
import llmengine.engine.Scope;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;
import llmengine.nn.Batch;
import llmengine.nn.Decoder;
import llmengine.nn.load.Pretrained;
import llmengine.train.config.RunConfig;
import llmengine.train.model.ModelSession;

/**
 * How far the logits of an exported model are from those of its source (the model with its adapters
 * on top), over the last positions of a few prompts. Every export ends with it: merging, rounding,
 * quantizing and a wrong layout of the file all show here. The measure is the mean difference as a
 * share of the spread of the source's logits: two unrelated models differ by about 1.1. What moves
 * all logits of a position alike changes no probability and is left out.
 *
 * @param what compared, for people
 * @param largest difference of two logits
 * @param mean of the absolute differences
 * @param spread standard deviation of the source's logits
 * @param positions compared
 * @param sameChoice positions at which both choose the same next token
 * @param bound that mean / spread must not exceed
 */
public record ExportCheck(
    String what,
    double largest,
    double mean,
    double spread,
    int positions,
    int sameChoice,
    double bound) {
  /**
   * Compared at the end of each prompt: all positions of a large vocabulary would fill the heap.
   */
  private static final int POSITIONS = 8;

  private static final List<String> PROMPTS =
      List.of(
          "Hello! Who are you?",
          "What is the capital of France?",
          "Write a haiku about rain.",
          "Add 17 and 25, then explain how you did it.",
          "def fibonacci(n):\n    if n < 2:\n        return n\n    return",
          "Translate to German: The weather is fine today.",
          "List three animals that can fly.",
          "Once upon a time, in a village by the sea, there lived");

  /**
   * The bound for weights of so many bits each, about twice what SmolLM2-135M shows, a model small
   * enough to suffer more than others.
   */
  static double usualBound(double bitsPerWeight) {
    if (bitsPerWeight >= 16) {
      return 0.1;
    } else if (bitsPerWeight >= 8) {
      return 0.15;
    } else if (bitsPerWeight >= 6) {
      return 0.25;
    } else if (bitsPerWeight >= 5) {
      return 0.4;
    } else {
      return bitsPerWeight >= 4 ? 0.6 : 0.9;
    }
  }

  /** The bound asked for by export_max_difference, else the usual one; empty asks for no check. */
  static Optional<Double> bound(RunConfig config, double bitsPerWeight) {
    double bound = config.export().exportMaxDifference().orElse(usualBound(bitsPerWeight));
    return bound == 0 ? Optional.empty() : Optional.of(bound);
  }

  /** Token ids of the prompts under the model's template. */
  static List<int[]> prompts(ModelSession session) {
    List<int[]> prompts = new ArrayList<>();
    for (String text : PROMPTS) {
      Chat chat = Chat.of(null, List.of(ChatMessage.of("user", text)));
      prompts.add(session.chatFormat().prompt(chat));
    }
    return prompts;
  }

  /** Logits at the last positions of each prompt, as (positions, V) in row-major order. */
  static List<float[]> logits(Decoder model, List<int[]> prompts) {
    List<float[]> all = new ArrayList<>();
    for (int[] ids : prompts) {
      try (Scope scope = new Scope(model.backend(), "export check")) {
        Tape tape = Tape.inference(scope);
        Tensor hidden = model.hidden(tape, Batch.of(scope, ids, ids.length));
        Tensor last = hidden.rows(Math.max(0, ids.length - POSITIONS), ids.length);
        all.add(model.logits(tape, last).toFloats());
      }
    }
    return all;
  }

  /** Logits as {@link #logits}, of what an export wrote, opened as anybody opens it. */
  static List<float[]> logits(Path written, Backend backend, List<int[]> prompts) {
    try (Pretrained files = Pretrained.open(written);
        Decoder model = files.load(backend)) {
      return logits(model, prompts);
    }
  }

  /**
   * Compares two lists of {@link #logits} of the same prompts.
   *
   * @param what compared, for people: {@code exported against source}
   * @param vocab V of both
   */
  static ExportCheck of(
      String what, List<float[]> source, List<float[]> exported, int vocab, double bound) {
    double largest = 0;
    double sum = 0;
    double squares = 0;
    long count = 0;
    int positions = 0;
    int same = 0;
    for (int p = 0; p < source.size(); p++) {
      float[] a = source.get(p);
      float[] b = exported.get(p);
      for (int from = 0; from < a.length; from += vocab) {
        int bestA = from;
        int bestB = from;
        double meanA = mean(a, from, vocab);
        double meanB = mean(b, from, vocab);
        for (int i = from; i < from + vocab; i++) {
          double here = a[i] - meanA;
          double difference = Math.abs(here - (b[i] - meanB));
          largest = Math.max(largest, difference); // a NaN stays
          sum += difference;
          squares += here * here;
          bestA = a[i] > a[bestA] ? i : bestA;
          bestB = b[i] > b[bestB] ? i : bestB;
        }
        count += vocab;
        positions++;
        same += bestA == bestB ? 1 : 0;
      }
    }
    long n = Math.max(1, count);
    return new ExportCheck(what, largest, sum / n, Math.sqrt(squares / n), positions, same, bound);
  }

  private static double mean(float[] values, int from, int count) {
    double sum = 0;
    for (int i = from; i < from + count; i++) {
      sum += values[i];
    }
    return sum / count;
  }

  /** Mean difference as a share of the spread. */
  public double share() {
    return mean == 0 ? 0 : mean / spread;
  }

  /** Whether the difference is within its bound; not if it is no number. */
  public boolean holds() {
    return share() <= bound;
  }

  /** For people: the differences in one line. */
  public String line() {
    return String.format(
        Locale.ROOT,
        "%s: largest logit difference %.3g, mean %.2g (%.1f %% of the logits' spread, bound %.0f"
            + " %%); same next token at %d of %d positions%s",
        what,
        largest,
        mean,
        100 * share(),
        100 * bound,
        sameChoice,
        positions,
        holds() ? "" : ": NOT within its bound");
  }
}
