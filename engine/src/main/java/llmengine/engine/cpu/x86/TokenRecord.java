// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu.x86;

/**
 * 256 values of a token's activations in 8 bits, as kernels read them (offsets in bytes): eight
 * blocks of 32 codes, a scale of each block, the sums of its codes, scale times sum, and the sums
 * of 16 codes: those of the first halves of blocks 0-3, of their second halves, and the same for
 * blocks 4-7.
 */
public final class TokenRecord {
  public static final int VALUES = 256;
  public static final int BLOCKS = 8;
  public static final int SCALES = 256;
  public static final int SUMS = SCALES + 4 * BLOCKS;
  public static final int SCALED_SUMS = SUMS + 4 * BLOCKS;
  public static final int HALF_SUMS = SCALED_SUMS + 4 * BLOCKS;
  public static final int BYTES = HALF_SUMS + 4 * 2 * BLOCKS;

  private TokenRecord() {}
}
