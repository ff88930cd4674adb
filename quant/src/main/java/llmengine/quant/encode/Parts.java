package llmengine.quant.encode;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * Vectors that hold one value of each of several parts of a block. So the sums over a part run in
 * order, lane by lane, and are those of a plain loop bit for bit at every width.
 */
final class Parts {
  /** At most 8 lanes: Q4_K and Q5_K have 8 parts. */
  static final VectorSpecies<Float> SPECIES =
      FloatVector.SPECIES_PREFERRED.length() > 8
          ? FloatVector.SPECIES_256
          : FloatVector.SPECIES_PREFERRED;

  static final VectorSpecies<Integer> INTS = VectorSpecies.of(int.class, SPECIES.vectorShape());

  static final int LANES = SPECIES.length();

  private Parts() {}

  /** Writes {@code parts} runs of n values of {@code x[at ...]} across: value i of part p. */
  static void across(float[] x, int at, int parts, int n, float[] to) {
    for (int p = 0; p < parts; p++) {
      for (int i = 0; i < n; i++) {
        to[i * parts + p] = x[at + p * n + i];
      }
    }
  }

  static FloatVector load(float[] from, int at) {
    return FloatVector.fromArray(SPECIES, from, at);
  }

  static FloatVector fill(float value) {
    return FloatVector.broadcast(SPECIES, value);
  }

  /** {@link Bits#nearest}, then limited to low ... high. */
  static IntVector nearest(FloatVector x, int low, int high) {
    IntVector bits = x.add(12582912f).reinterpretAsInts();
    return bits.and(0x007fffff).sub(0x00400000).max(low).min(high);
  }

  /** The same as floats. */
  static FloatVector code(FloatVector x, int low, int high) {
    return (FloatVector) nearest(x, low, high).convert(VectorOperators.I2F, 0);
  }

  /**
   * Codes n values with scale d and negated minimum m: nearest((x + m) / d), limited to low ...
   * high, minus low.
   */
  static void codes(
      float[] x, int at, int n, float d, float m, int low, int high, int[] codes, int to) {
    for (int i = 0; i < n; i += LANES) {
      nearest(load(x, at + i).add(m).div(d), low, high).sub(low).intoArray(codes, to + i);
    }
  }

  /** Codes n values as the search of their part left them: for parts whose scale rounds to 0. */
  static void searched(
      float[] x, int at, int n, Work work, int part, int low, int high, int[] codes, int to) {
    float inverse = work.inverses[part];
    float base = work.bases[part];
    for (int i = 0; i < n; i++) {
      int code = Bits.clamp(Bits.nearest(inverse * (x[at + i] - base)), low, high) - low;
      codes[to + i] = Float.isNaN(inverse) ? 0 : code;
    }
  }
}
