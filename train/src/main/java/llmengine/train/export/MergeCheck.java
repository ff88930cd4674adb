package llmengine.train.export;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import llmengine.data.Message;
import llmengine.data.Role;
import llmengine.engine.Scope;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;
import llmengine.nn.Batch;
import llmengine.nn.Decoder;
import llmengine.train.model.ModelSession;

/**
 * How far the logits of a written model are from those of the model with its adapter, over the last
 * positions of a few prompts: merging and rounding to 16 bits show here.
 *
 * @param largest difference of two logits
 * @param mean of the absolute differences
 * @param positions compared
 * @param sameChoice positions at which both choose the same next token
 */
public record MergeCheck(double largest, double mean, int positions, int sameChoice) {
  /**
   * Compared at the end of each prompt: all positions of a large vocabulary would fill the heap.
   */
  private static final int POSITIONS = 8;

  private static final List<String> PROMPTS =
      List.of("Hello! Who are you?", "What is the capital of France?", "Write a haiku about rain.");

  /** Token ids of the prompts under the model's template. */
  static List<int[]> prompts(ModelSession session) {
    List<int[]> prompts = new ArrayList<>();
    for (String text : PROMPTS) {
      int[] ids =
          session
              .template()
              .generationPrompt(
                  session.tokenizer(), List.of(new Message(Role.USER, text)), null, null);
      prompts.add(ids);
    }
    return prompts;
  }

  /** Logits at the last positions of each prompt, as (positions, V) in row-major order. */
  static List<float[]> logits(Decoder model, List<int[]> prompts) {
    List<float[]> all = new ArrayList<>();
    for (int[] ids : prompts) {
      try (Scope scope = new Scope(model.backend(), "merge check")) {
        Tape tape = Tape.inference(scope);
        Tensor hidden = model.hidden(tape, Batch.of(scope, ids, ids.length));
        Tensor last = hidden.rows(Math.max(0, ids.length - POSITIONS), ids.length);
        all.add(model.logits(tape, last).toFloats());
      }
    }
    return all;
  }

  /** Compares two lists of {@link #logits} of the same prompts. */
  static MergeCheck of(List<float[]> adapted, List<float[]> merged, int vocab) {
    double largest = 0;
    double sum = 0;
    long count = 0;
    int positions = 0;
    int same = 0;
    for (int p = 0; p < adapted.size(); p++) {
      float[] a = adapted.get(p);
      float[] b = merged.get(p);
      for (int from = 0; from < a.length; from += vocab) {
        int bestA = from;
        int bestB = from;
        for (int i = from; i < from + vocab; i++) {
          double difference = Math.abs((double) a[i] - b[i]);
          largest = Math.max(largest, difference);
          sum += difference;
          bestA = a[i] > a[bestA] ? i : bestA;
          bestB = b[i] > b[bestB] ? i : bestB;
        }
        count += vocab;
        positions++;
        same += bestA == bestB ? 1 : 0;
      }
    }
    return new MergeCheck(largest, count == 0 ? 0 : sum / count, positions, same);
  }

  /** For people: the differences in one line. */
  public String line() {
    return String.format(
        Locale.ROOT,
        "merged against adapter: largest logit difference %.3g, mean %.2g; same next token at %d of"
            + " %d positions",
        largest,
        mean,
        sameChoice,
        positions);
  }
}
