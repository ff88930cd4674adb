package llmengine.serve.schedule;

/**
 * Natural log-probabilities at one position, of the distribution before temperature and filters.
 *
 * @param chosen that of the id that was chosen
 * @param topIds the likeliest ids, likeliest first
 * @param top their log-probabilities
 */
public record Logprobs(float chosen, int[] topIds, float[] top) {
  /** Of the model's logits (V), as they are before a constraint or a penalty changes them. */
  static Logprobs of(float[] logits, int chosen, int count) {
    int n = Math.min(count, logits.length);
    int[] ids = new int[n];
    float[] values = new float[n];
    int held = 0;
    float max = Float.NEGATIVE_INFINITY;
    for (int id = 0; id < logits.length; id++) {
      float v = logits[id];
      max = Math.max(max, v);
      if (held < n || n > 0 && v > values[n - 1]) {
        int at = Math.min(held, n - 1);
        while (at > 0 && values[at - 1] < v) {
          values[at] = values[at - 1];
          ids[at] = ids[at - 1];
          at--;
        }
        values[at] = v;
        ids[at] = id;
        held = Math.min(held + 1, n);
      }
    }
    double total = 0;
    for (float v : logits) {
      total += Math.exp(v - max);
    }
    double lse = max + Math.log(total);
    for (int i = 0; i < n; i++) {
      values[i] = (float) (values[i] - lse);
    }
    return new Logprobs((float) (logits[chosen] - lse), ids, values);
  }
}
