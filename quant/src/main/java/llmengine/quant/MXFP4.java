package llmengine.quant;

/**
 * 32 values in 17 bytes (4.25 bits each): scale byte e (E8M0), 16 bytes of E2M1 codes; byte i holds
 * value i in its low and value 16 + i in its high half. Value = 2^(e - 127) E2M1(q).
 */
public final class MXFP4 extends ByteBlocks {
  public MXFP4() {
    super("MXFP4", 39, 32, 17);
  }

  @Override
  void decodeBlock(byte[] in, int at, float[] out, int to) {
    MicroFloats.decode(in, at + 1, 16, MicroFloats.halfE8m0(in[at] & 0xff), out, to);
  }
}
