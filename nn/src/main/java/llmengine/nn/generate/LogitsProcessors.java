package llmengine.nn.generate;

import java.util.BitSet;
import llmengine.engine.NonFiniteException;

/**
 * The changes to the logits of one token that stand between model and choice, each as transformers
 * defines it; a removed id gets negative infinity. All work in place.
 */
final class LogitsProcessors {
  private static final float REMOVED = Float.NEGATIVE_INFINITY;

  private LogitsProcessors() {}

  static void sequenceBias(
      float[] logits, TokenHistory history, SamplingOptions.SequenceBias bias) {
    int prefix = bias.ids().size() - 1;
    if (prefix > history.length()) {
      return;
    }
    for (int i = 0; i < prefix; i++) {
      if (history.id(history.length() - prefix + i) != bias.ids().get(i)) {
        return;
      }
    }
    logits[bias.ids().getLast()] += (float) bias.bias();
  }

  /** Keskar et al. 2019, "CTRL", section 4.1, for all ids of the context. */
  static void repetitionPenalty(float[] logits, BitSet seen, float penalty) {
    for (int id = seen.nextSetBit(0); id >= 0; id = seen.nextSetBit(id + 1)) {
      logits[id] = logits[id] < 0 ? logits[id] * penalty : logits[id] / penalty;
    }
  }

  static void countPenalties(
      float[] logits, TokenHistory history, double presencePenalty, double frequencyPenalty) {
    for (int i = 0; i < history.distinct(); i++) {
      logits[history.answerId(i)] -=
          (float) (presencePenalty + frequencyPenalty * history.answerCount(i));
    }
  }

  static void noRepeatNgram(float[] logits, TokenHistory history, int size) {
    int prefix = size - 1;
    int length = history.length();
    for (int at = prefix; at < length; at++) {
      int i = 0;
      while (i < prefix && history.id(at - prefix + i) == history.id(length - prefix + i)) {
        i++;
      }
      if (i == prefix) {
        logits[history.id(at)] = REMOVED;
      }
    }
  }

  /**
   * Infinities become the largest finite numbers, so that an id excluded so far loses against all
   * others but the rest stays a distribution (LLaMA-Factory always does this).
   *
   * @throws NonFiniteException if there is a NaN: the peer takes 0 for it and goes on with whatever
   *     the broken model says
   */
  static void finite(float[] logits) {
    for (int i = 0; i < logits.length; i++) {
      float v = logits[i];
      if (Float.isNaN(v)) {
        throw new NonFiniteException(
            "generate: logit of id " + i + ": expected a number, got NaN. Are the weights whole?");
      }
      logits[i] = Math.clamp(v, -Float.MAX_VALUE, Float.MAX_VALUE);
    }
  }

  /** What {@link #finite} made finite stays so: a low temperature must not remove all ids. */
  static void temperature(float[] logits, float temperature) {
    for (int i = 0; i < logits.length; i++) {
      float v = logits[i];
      logits[i] = v > REMOVED ? Math.clamp(v / temperature, -Float.MAX_VALUE, Float.MAX_VALUE) : v;
    }
  }
}
