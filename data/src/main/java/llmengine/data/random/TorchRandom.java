package llmengine.data.random;

/**
 * torch's CPU generator after {@code manual_seed(seed)}: MT19937 and the draws built on it, with
 * the bits of torch's AVX2 and AVX-512 builds. Not safe for concurrent use.
 */
public final class TorchRandom {
  private final Mt19937 words;
  // Box-Muller gives two values; the second one waits here, across calls
  private double waitingNormal;
  private boolean hasWaitingNormal;

  public TorchRandom(long seed) {
    words = new Mt19937(seed);
  }

  /** The next 32 bits. */
  public int nextInt() {
    return words.nextWord();
  }

  /** The next 64 bits: the first word is the high half. */
  public long nextLong() {
    long high = Integer.toUnsignedLong(words.nextWord());
    return high << 32 | Integer.toUnsignedLong(words.nextWord());
  }

  /** {@code torch.empty((), dtype=int64).random_()}: a number in [0, 2^63). */
  public long random() {
    return nextLong() & Long.MAX_VALUE;
  }

  /** {@code torch.randperm(n)}. */
  public int[] permutation(int n) {
    int[] out = new int[n];
    for (int i = 0; i < n; i++) {
      out[i] = i;
    }
    for (int i = 0; i < n - 1; i++) {
      int j = i + Integer.remainderUnsigned(words.nextWord(), n - i);
      int swap = out[i];
      out[i] = out[j];
      out[j] = swap;
    }
    return out;
  }

  /** {@code tensor.uniform_(low, high)} of {@code count} float32 values, in storage order. */
  public float[] uniform(int count, double low, double high) {
    float[] out = new float[count];
    float lo = (float) low;
    float width = (float) high - lo;
    for (int i = 0; i < count; i++) {
      out[i] = Math.fma((words.nextWord() & 0xFFFFFF) * 0x1.0p-24f, width, lo);
    }
    return out;
  }

  /**
   * {@code nn.init.kaiming_uniform_(w, a=sqrt(5))} of a (rows, columns) matrix: within
   * 1/sqrt(columns).
   */
  public float[] kaimingUniform(int rows, int columns) {
    // torch's own order of operations: the last bit of the bound depends on it
    double gain = Math.sqrt(2.0 / (1 + Math.pow(Math.sqrt(5), 2)));
    double bound = Math.sqrt(3.0) * (gain / Math.sqrt(columns));
    return uniform(Math.multiplyExact(rows, columns), -bound, bound);
  }

  /** {@code tensor.normal_(mean, std)} of {@code count} contiguous float32 values. */
  public float[] normal(int count, double mean, double std) {
    float[] out = new float[count];
    if (count < 16) {
      for (int i = 0; i < count; i++) {
        out[i] = (float) (nextNormal() * std + mean);
      }
      return out;
    }
    for (int i = 0; i < count; i++) {
      out[i] = (words.nextWord() & 0xFFFFFF) * 0x1.0p-24f;
    }
    for (int start = 0; start + 15 < count; start += 16) {
      TorchNormal.block(out, start, (float) mean, (float) std);
    }
    if (count % 16 != 0) {
      int start = count - 16;
      for (int i = start; i < count; i++) {
        out[i] = (words.nextWord() & 0xFFFFFF) * 0x1.0p-24f;
      }
      TorchNormal.block(out, start, (float) mean, (float) std);
    }
    return out;
  }

  private double nextNormal() {
    if (hasWaitingNormal) {
      hasWaitingNormal = false;
      return waitingNormal;
    }
    double u1 = (nextLong() & (1L << 53) - 1) * 0x1.0p-53;
    double u2 = (nextLong() & (1L << 53) - 1) * 0x1.0p-53;
    double radius = Math.sqrt(-2 * StrictMath.log1p(-u2));
    double angle = 2 * Math.PI * u1;
    waitingNormal = radius * StrictMath.sin(angle);
    hasWaitingNormal = true;
    return radius * StrictMath.cos(angle);
  }
}
