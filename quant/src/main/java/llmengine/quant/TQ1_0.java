package llmengine.quant;

/**
 * 256 values in 54 bytes (1.6875 bits each): 52 bytes of base 3 digits, half d. A byte is a
 * fraction in 256ths whose digits, first value first, come out at the top when it is multiplied by
 * 3. Digit k of bytes 0-31 is value 32 k + i, of bytes 32-47 value 160 + 16 k + i, of bytes 48-51
 * (four digits) value 240 + 4 k + i. Value = d (digit - 1).
 */
public final class TQ1_0 extends ByteBlocks {
  public TQ1_0() {
    super("TQ1_0", 34, 256, 54);
  }

  @Override
  void decodeBlock(byte[] in, int at, float[] out, int to) {
    float d = half(in, at + 52);
    digits(in, at, 32, 5, d, out, to);
    digits(in, at + 32, 16, 5, d, out, to + 160);
    digits(in, at + 48, 4, 4, d, out, to + 240);
  }

  private static void digits(byte[] in, int at, int n, int count, float d, float[] out, int to) {
    int power = 1;
    for (int k = 0; k < count; k++) {
      for (int i = 0; i < n; i++) {
        int digit = (in[at + i] * power & 0xff) * 3 >> 8;
        out[to + k * n + i] = d * (digit - 1);
      }
      power *= 3;
    }
  }
}
