package llmengine.quant;

/**
 * 64 values in 36 bytes (4.5 bits each): 4 scale bytes (E4M3 without sign) for 16 values each, 4 x
 * 8 bytes of E2M1 codes; byte i holds value i in its low and value 8 + i in its high half. Value =
 * scale E2M1(q).
 */
public final class NVFP4 extends ByteBlocks {
  public NVFP4() {
    super("NVFP4", 40, 64, 36);
  }

  @Override
  void decodeBlock(byte[] in, int at, float[] out, int to) {
    for (int s = 0; s < 4; s++) {
      float d = MicroFloats.halfUe4m3(in[at + s] & 0xff);
      MicroFloats.decode(in, at + 4 + 8 * s, 8, d, out, to + 16 * s);
    }
  }
}
