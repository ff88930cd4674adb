package llmengine.quant.calibrate;

import llmengine.engine.FormatException;

/**
 * The values that a group of weights can take: scale * (code - zero) with codes of {@code bits}
 * bits and a scale of 16 bits.
 *
 * @param bits 2, 3, 4 or 8
 * @param symmetric whether the zero point is the middle code, 2^(bits-1)
 * @param lowestZero smallest zero point: 1 where the file stores zero - 1, else 0
 */
public record CodeGrid(int bits, boolean symmetric, int lowestZero) {
  private static final float SMALLEST = Float.float16ToFloat((short) 1);
  private static final float LARGEST = 65504;

  /** The layout of GPTQ checkpoints, whose zero points are stored less one. */
  public static CodeGrid gptq(int bits, boolean symmetric) {
    return new CodeGrid(bits, symmetric, 1);
  }

  /** The layout of AWQ checkpoints: 4 bits with a zero point. */
  public static CodeGrid awq() {
    return new CodeGrid(4, false, 0);
  }

  int highest() {
    return (1 << bits) - 1;
  }

  /** Zero point of a group with this range. */
  int zero(float min, float max) {
    if (symmetric) {
      return 1 << (bits - 1);
    }
    float low = Math.min(min, 0);
    float range = Math.max(max, 0) - low;
    int zero = range == 0 ? 0 : (int) Math.rint(-low * highest() / range);
    return Math.clamp(zero, lowestZero, highest());
  }

  /**
   * Scale of a group with this range, as 16 bits can hold it.
   *
   * @throws FormatException if a weight is not finite or 16 bits can't hold its scale
   */
  float scale(float min, float max) {
    float low = Math.min(min, 0);
    float high = Math.max(max, 0);
    float scale = symmetric ? 2 * Math.max(-low, high) / highest() : (high - low) / highest();
    int zero = zero(min, max);
    if (!symmetric && zero == lowestZero && zero > 0) {
      scale = Math.max(scale, high / (highest() - zero)); // the zero point may have been raised
    }
    if (scale == 0) {
      return 1; // a group of zeros
    }
    if (!(scale <= LARGEST)) {
      throw new FormatException(
          "quantization: a group's scale does not fit: expected finite weights with scales up to "
              + LARGEST
              + ", got "
              + scale
              + ". Check the checkpoint's weights.");
    }
    return Math.max(SMALLEST, Float.float16ToFloat(Float.floatToFloat16(scale)));
  }

  /** Nearest code of w. */
  int code(float w, float scale, int zero) {
    return (int) Math.clamp(Math.rint(w / scale) + zero, 0, highest());
  }
}
