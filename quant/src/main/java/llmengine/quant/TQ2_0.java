package llmengine.quant;

/**
 * 256 values in 66 bytes (2.0625 bits each): 64 bytes of 2-bit q laid out as those of {@link Q2_K},
 * half d. Value = d (q - 1).
 */
public final class TQ2_0 extends ByteBlocks {
  public TQ2_0() {
    super("TQ2_0", 35, 256, 66);
  }

  @Override
  void decodeBlock(byte[] in, int at, float[] out, int to) {
    float d = half(in, at + 64);
    for (int k = 0; k < 8; k++) {
      int q = at + 32 * (k / 4);
      int shift = 2 * (k % 4);
      for (int i = 0; i < 32; i++) {
        out[to + 32 * k + i] = d * ((in[q + i] >> shift & 3) - 1);
      }
    }
  }
}
