package llmengine.train.ppo;

import java.util.Arrays;
import llmengine.data.process.Example;

/**
 * A prompt, the answer that the policy gave, and what was thought of it then.
 *
 * @param ids prompt and answer
 * @param prompt tokens of the prompt
 * @param logProbs of the answer's tokens under the policy that gave it
 * @param reference log-probabilities under the reference
 * @param values that the head expected before each token
 * @param score of the reward model
 */
record Rollout(
    int[] ids, int prompt, double[] logProbs, double[] reference, double[] values, double score) {

  static int[] joined(int[] prompt, int[] answer) {
    int[] ids = Arrays.copyOf(prompt, prompt.length + answer.length);
    System.arraycopy(answer, 0, ids, prompt.length, answer.length);
    return ids;
  }

  /** A sequence whose answer is labelled. */
  static Example.Part part(int[] ids, int prompt) {
    int[] labels = ids.clone();
    Arrays.fill(labels, 0, prompt, Example.IGNORED);
    return new Example.Part(ids, labels);
  }

  int answer() {
    return ids.length - prompt;
  }

  /** Sum over the answer of what the KL penalty is taken on. */
  double divergence() {
    double sum = 0;
    for (int t = 0; t < logProbs.length; t++) {
      sum += logProbs[t] - reference[t];
    }
    return sum;
  }

  double[] rewards(double coefficient, double scaledScore) {
    return TokenRewards.of(logProbs, reference, scaledScore, coefficient);
  }
}
