package llmengine.quant.encode;

/** Codes of TQ1_0 and TQ2_0: -1, 0 and 1 as 0, 1 and 2. */
final class TernaryCodes {
  private TernaryCodes() {}

  /** Writes the codes of 256 values and returns the scale, their largest magnitude. */
  static float write(float[] x, int at, int[] codes) {
    float d = Math.abs(Bits.extreme(x, at, 256));
    float inverse = Bits.inverse(d);
    for (int i = 0; i < 256; i++) {
      codes[i] = Bits.round(x[at + i] * inverse) + 1;
    }
    return d;
  }
}
