package llmengine.nn.generate;

import java.util.Arrays;

/**
 * top-k, top-p (Holtzman et al. 2020, "The curious case of neural text degeneration"), min-p
 * (Nguyen et al. 2024) and typical sampling (Meister et al. 2023): they remove ids from the logits
 * of one token by setting negative infinity. Holds the scratch space for a vocabulary, so it
 * belongs to one thread.
 */
final class DistributionFilter {
  private static final float REMOVED = Float.NEGATIVE_INFINITY;

  private final float[] values;
  private final long[] order; // (value, id) of what is left, smallest value first
  private int left;

  DistributionFilter(int vocab) {
    values = new float[vocab];
    order = new long[vocab];
  }

  /** Keeps the k largest and whatever equals the k-th. */
  void topK(float[] logits, int k) {
    if (k >= logits.length) {
      return;
    }
    System.arraycopy(logits, 0, values, 0, logits.length);
    float least = select(values, logits.length - k);
    for (int i = 0; i < logits.length; i++) {
      if (logits[i] < least) {
        logits[i] = REMOVED;
      }
    }
  }

  /** Removes from the unlikely end while what is removed has at most probability 1 - p. */
  void topP(float[] logits, double p, int leastKept) {
    sort(logits, logits);
    float max = logits[id(left - 1)];
    double total = total(logits, max);
    double sum = 0;
    for (int i = 0; i < left - leastKept; i++) {
      int id = id(i);
      sum += Math.exp(logits[id] - max) / total;
      if (sum > 1 - p) {
        return;
      }
      logits[id] = REMOVED;
    }
  }

  /** Removes what has less than {@code share} of the largest probability. */
  void minP(float[] logits, double share, int leastKept) {
    sort(logits, logits);
    float max = logits[id(left - 1)];
    for (int i = 0; i < left - leastKept; i++) {
      int id = id(i);
      if (Math.exp(logits[id] - max) >= share) {
        return;
      }
      logits[id] = REMOVED;
    }
  }

  /**
   * Keeps the ids whose information content is nearest to the entropy, up to probability {@code
   * mass}.
   */
  void typicalP(float[] logits, double mass, int leastKept) {
    float max = REMOVED;
    for (float v : logits) {
      max = Math.max(max, v);
    }
    double total = total(logits, max);
    double logTotal = Math.log(total);
    double entropy = 0;
    for (float v : logits) {
      if (v > REMOVED) {
        double logP = v - max - logTotal;
        entropy -= Math.exp(logP) * logP;
      }
    }
    for (int i = 0; i < logits.length; i++) {
      values[i] = (float) Math.abs(entropy + (logits[i] - max - logTotal));
    }
    sort(logits, values);
    double sum = 0;
    int last = 0; // position of the last one kept
    for (; last < left - 1; last++) {
      sum += Math.exp(logits[id(last)] - max) / total;
      if (sum >= mass) {
        break;
      }
    }
    last = Math.min(left - 1, Math.max(last, leastKept - 1));
    float furthest = values[id(last)];
    for (int i = last + 1; i < left; i++) {
      if (values[id(i)] > furthest) {
        logits[id(i)] = REMOVED;
      }
    }
  }

  /** Sum of exp(logit - max). */
  static double total(float[] logits, float max) {
    double total = 0;
    for (float v : logits) {
      if (v > REMOVED) {
        total += Math.exp(v - max);
      }
    }
    return total;
  }

  /**
   * Orders the ids not removed from {@code logits} by {@code key}; of equal keys the lowest id
   * comes last.
   */
  private void sort(float[] logits, float[] key) {
    left = 0;
    for (int i = 0; i < logits.length; i++) {
      if (logits[i] > REMOVED) {
        int bits = Float.floatToRawIntBits(key[i]);
        int ascending = bits ^ (bits >> 31 & 0x7FFFFFFF); // float order as integer order
        order[left++] = (long) ascending << 32 | Integer.toUnsignedLong(~i);
      }
    }
    Arrays.sort(order, 0, left);
  }

  private int id(int place) {
    return ~(int) order[place];
  }

  /**
   * The value that would stand at {@code place} if {@code v} were sorted (Hoare's quickselect);
   * reorders v.
   */
  private static float select(float[] v, int place) {
    int from = 0;
    int to = v.length - 1;
    while (from < to) {
      float pivot = v[(from + to) >>> 1];
      int i = from;
      int j = to;
      while (i <= j) {
        while (v[i] < pivot) {
          i++;
        }
        while (v[j] > pivot) {
          j--;
        }
        if (i <= j) {
          float t = v[i];
          v[i++] = v[j];
          v[j--] = t;
        }
      }
      if (place <= j) {
        to = j;
      } else if (place >= i) {
        from = i;
      } else {
        break;
      }
    }
    return v[place];
  }
}
