package llmengine.quant.bnb;

import java.util.stream.IntStream;

/** Sixteen values between -1 and 1 that 4-bit codes stand for, relative to a block's scale. */
final class FourBitCode {
  private final String name;
  private final float[] values;
  private final byte[] ascending = new byte[16]; // codes in the order of their values
  private final NearestCode nearest;

  /**
   * @param values by code
   */
  FourBitCode(String name, float... values) {
    this.name = name;
    this.values = values;
    float[] sorted = new float[16];
    int[] order =
        IntStream.range(0, 16)
            .boxed()
            .sorted((a, b) -> values[a] == values[b] ? a - b : Float.compare(values[a], values[b]))
            .mapToInt(i -> i)
            .toArray();
    for (int i = 0; i < 16; i++) {
      ascending[i] = (byte) order[i];
      sorted[i] = values[order[i]];
    }
    nearest = new NearestCode(sorted);
  }

  /** {@code nf4} or {@code fp4}. */
  String name() {
    return name;
  }

  /** The value of each code. */
  float[] values() {
    return values.clone();
  }

  /** The code whose value is nearest to {@code x}, the lower one halfway between two. */
  int nearest(float x) {
    return ascending[nearest.of(x)];
  }
}
