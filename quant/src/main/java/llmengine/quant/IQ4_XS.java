package llmengine.quant;

/**
 * 256 values in 136 bytes (4.25 bits each): half d, 2 bytes of high and 4 bytes of low bits of the
 * 6-bit scales of 8 groups of 32 values (group g: bits 2 g, 2 g + 1 of the little-endian high word;
 * low or high half of low byte g / 2), 8 x 16 bytes of 4-bit q as in {@link IQ4_NL}. Value = (d
 * (scale - 32)) level(q).
 */
public final class IQ4_XS extends ByteBlocks {
  public IQ4_XS() {
    super("IQ4_XS", 23, 256, 136);
  }

  @Override
  void decodeBlock(byte[] in, int at, float[] out, int to) {
    float d = half(in, at);
    for (int g = 0; g < 8; g++) {
      int low = in[at + 4 + g / 2] >> 4 * (g % 2) & 15;
      int high = in[at + 2 + g / 4] >> 2 * (g % 4) & 3;
      float scale = d * ((low | high << 4) - 32);
      NonLinear.decode(in, at + 8 + 16 * g, scale, out, to + 32 * g);
    }
  }
}
