package llmengine.quant;

/**
 * 32 values in 18 bytes (4.5 bits each): half scale d, 16 bytes of 4-bit q; byte i holds value i in
 * its low and value 16 + i in its high half. Value = d level(q), see {@link NonLinear}.
 */
public final class IQ4_NL extends ByteBlocks {
  public IQ4_NL() {
    super("IQ4_NL", 20, 32, 18);
  }

  @Override
  void decodeBlock(byte[] in, int at, float[] out, int to) {
    NonLinear.decode(in, at + 2, half(in, at), out, to);
  }
}
