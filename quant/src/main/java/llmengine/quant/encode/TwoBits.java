package llmengine.quant.encode;

/** The 64 bytes of Q2_K and Q3_K that hold two bits of each of 256 codes. */
final class TwoBits {
  private TwoBits() {}

  /** Byte 32 h + i holds the codes 128 h + i, + 32, + 64, + 96, from low to high bits. */
  static void write(int[] codes, byte[] out, int to) {
    for (int h = 0; h < 2; h++) {
      for (int i = 0; i < 32; i++) {
        int c = 128 * h + i;
        int low = codes[c] & 3 | (codes[c + 32] & 3) << 2;
        int high = codes[c + 64] & 3 | (codes[c + 96] & 3) << 2;
        out[to + 32 * h + i] = (byte) (low | high << 4);
      }
    }
  }
}
