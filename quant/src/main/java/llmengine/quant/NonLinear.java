package llmengine.quant;

/** The 16 levels of IQ4_NL and IQ4_XS, denser around 0 as weights are. */
public final class NonLinear {
  private static final int[] LEVELS = {
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113
  };

  private NonLinear() {}

  /** The levels, ascending; a copy. */
  public static int[] levels() {
    return LEVELS.clone();
  }

  /** Decodes 16 bytes to 32 values: byte i holds the codes of values i (low) and 16 + i (high). */
  static void decode(byte[] in, int at, float d, float[] out, int to) {
    for (int i = 0; i < 16; i++) {
      int q = in[at + i];
      out[to + i] = d * LEVELS[q & 15];
      out[to + 16 + i] = d * LEVELS[q >> 4 & 15];
    }
  }
}
