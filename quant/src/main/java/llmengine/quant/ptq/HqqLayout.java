package llmengine.quant.ptq;

/**
 * Where HQQ keeps its codes. The matrix (N, K), row-major, is cut into rows anew: for axis 0 into
 * {@code group} rows, so that a column is a group and takes every (N K / group)-th value; for axis
 * 1 into rows of {@code group} values. Row r of these codes then shares elements (bytes, or words
 * for 3 bits) with the rows r + step, r + 2 step, ...: the first in the highest bits.
 *
 * @param rows of the codes
 * @param cols of the codes
 * @param parts codes to an element
 * @param shift bits between two codes of an element
 */
record HqqLayout(int bits, int axis, int rows, int cols, int parts, int shift) {
  static boolean supports(int bits) {
    return bits >= 1 && bits <= 8 && bits != 7;
  }

  /**
   * @param values N K, a multiple of {@code group}
   */
  static HqqLayout of(int bits, int axis, long values, int group) {
    int others = Math.toIntExact(values / group);
    int parts =
        switch (bits) {
          case 1 -> 8;
          case 2 -> 4;
          case 3 -> 10;
          case 4 -> 2;
          default -> 1;
        };
    int rows = axis == 0 ? group : others;
    int cols = axis == 0 ? others : group;
    return new HqqLayout(bits, axis, rows, cols, parts, parts == 1 ? 0 : bits);
  }

  /** Whether rows can be shared out to elements: 3-bit words are filled up with zeros. */
  boolean fits() {
    return bits == 3 || rows % parts == 0;
  }

  /** Rows of elements. */
  int step() {
    return Math.ceilDiv(rows, parts);
  }

  int groups() {
    return axis == 0 ? cols : rows;
  }

  int elementBytes() {
    return bits == 3 ? 4 : 1;
  }

  int mask() {
    return (1 << bits) - 1;
  }

  /** How far a code of this row is from the low end of its element. */
  int shiftOf(int row) {
    return (parts - 1 - row / step()) * shift;
  }

  /** The name that hqq has for it. */
  String packing() {
    return switch (bits) {
      case 1 -> "1bit_u8";
      case 2 -> "2bit_u8";
      case 3 -> "3bit_32";
      case 4 -> "4bit_u8";
      default -> "8bit_u8";
    };
  }
}
