package llmengine.quant.encode;

import llmengine.engine.FormatException;

/** Refuses values that a format can't hold. */
final class Finite {
  private static final int EXPONENT = 0x7f800000;

  private Finite() {}

  /** Throws if one of {@code count} values is not finite or not below {@code limit}. */
  static void check(String name, float[] x, int at, int count, float limit) {
    // magnitudes compare as their bits do, and NaNs lie above infinity: one max that C2 vectorises
    int largest = 0;
    for (int i = at; i < at + count; i++) {
      largest = Math.max(largest, Float.floatToRawIntBits(x[i]) & 0x7fffffff);
    }
    if (largest < Math.min(EXPONENT, Float.floatToRawIntBits(limit))) {
      return;
    }
    for (int i = 0; i < count; i++) {
      float value = x[at + i];
      if (!Float.isFinite(value)) {
        throw new FormatException(
            name
                + ": value "
                + i
                + " can't be stored: expected a finite value, got "
                + value
                + ". Look for broken weights in the source.");
      }
      if (Math.abs(value) >= limit) {
        throw tooLarge(name, i, value, "less than " + limit);
      }
    }
  }

  static FormatException tooLarge(String name, int index, float value, String expected) {
    return new FormatException(
        name
            + ": value "
            + index
            + " is too large: expected "
            + expected
            + ", got "
            + value
            + ". Store this tensor as F32 or BF16.");
  }
}
