package llmengine.quant;

import llmengine.engine.cpu.Window;

/**
 * The 12 bytes s of Q4_K and Q5_K that hold eight 6-bit scales and eight 6-bit minimums. For j < 4
 * scale j is the low 6 bits of s[j] and minimum j those of s[4 + j]; for j >= 4 the low 4 bits are
 * the halves of s[4 + j] (scale low, minimum high) and the upper 2 bits the top bits of s[j - 4]
 * and s[j].
 */
final class SixBitScales {
  private SixBitScales() {}

  /** All scales of the 12 bytes at an address, scale j in byte j. */
  static long scales(long at) {
    int low = Window.getInt(at);
    int rest = Window.getInt(at + 8);
    int high = rest & 0x0f0f0f0f | low >>> 2 & 0x30303030;
    return low & 0x3f3f3f3f | (long) high << 32;
  }

  /** All minimums of the 12 bytes at an address, minimum j in byte j. */
  static long minimums(long at) {
    int low = Window.getInt(at + 4);
    int rest = Window.getInt(at + 8);
    int high = rest >>> 4 & 0x0f0f0f0f | low >>> 2 & 0x30303030;
    return low & 0x3f3f3f3f | (long) high << 32;
  }

  static int scale(byte[] in, int at, int j) {
    return j < 4 ? in[at + j] & 63 : in[at + 4 + j] & 15 | (in[at + j - 4] & 0xc0) >> 2;
  }

  static int minimum(byte[] in, int at, int j) {
    return j < 4 ? in[at + 4 + j] & 63 : (in[at + 4 + j] & 0xf0) >> 4 | (in[at + j] & 0xc0) >> 2;
  }
}
