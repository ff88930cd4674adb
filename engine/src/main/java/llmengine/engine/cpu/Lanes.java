// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * The vector width of this process: property {@code engine.vectorBits} (128, 256 or 512), by
 * default the machine's preferred width. Constants, so that every kernel is compiled for one width.
 */
public final class Lanes {
  static final int BITS = bits();

  /** Floats. */
  public static final VectorSpecies<Float> F =
      switch (BITS) {
        case 128 -> FloatVector.SPECIES_128;
        case 256 -> FloatVector.SPECIES_256;
        default -> FloatVector.SPECIES_512;
      };

  /** 32-bit integers, as many of them as {@link #F} has floats. */
  public static final VectorSpecies<Integer> I =
      switch (BITS) {
        case 128 -> IntVector.SPECIES_128;
        case 256 -> IntVector.SPECIES_256;
        default -> IntVector.SPECIES_512;
      };

  /** Sixteen-bit lanes, as many of them as {@link #F} has floats. */
  static final VectorSpecies<Short> H =
      switch (BITS) {
        case 128 -> ShortVector.SPECIES_64;
        case 256 -> ShortVector.SPECIES_128;
        default -> ShortVector.SPECIES_256;
      };

  /** Floats in a vector: 4, 8 or 16. */
  public static final int L = F.length();

  private Lanes() {}

  private static int bits() {
    int bits = Integer.getInteger("engine.vectorBits", 0);
    if (bits == 0) {
      bits = Math.clamp(FloatVector.SPECIES_PREFERRED.vectorBitSize(), 128, 512);
    }
    if (bits != 128 && bits != 256 && bits != 512) {
      throw new IllegalArgumentException(
          "engine.vectorBits: unknown vector width: expected 128, 256 or 512, got "
              + bits
              + ". Leave the property out to use the machine's own width.");
    }
    return bits;
  }
}
