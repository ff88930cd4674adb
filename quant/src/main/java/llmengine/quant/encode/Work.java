package llmengine.quant.encode;

/**
 * What encoding a block needs beside the block: made once per call, not per block. A block of 256
 * values has 8 parts of 32 or 16 of 16, each with its scale.
 */
final class Work {
  /** Codes of a block. */
  final int[] codes = new int[256];

  /** Values of a block across its parts: value i of part p at i parts + p. */
  final float[] across = new float[256];

  /** How much each value counts, likewise. */
  final float[] weights = new float[256];

  /** Codes under trial, likewise. */
  final float[] trial = new float[256];

  /** Scale of each part. */
  final float[] scales = new float[16];

  /** Negated minimum of each part. */
  final float[] mins = new float[16];

  /** What the search of a part multiplied values with to get codes; NaN if all codes are 0. */
  final float[] inverses = new float[16];

  /** What it subtracted from them before. */
  final float[] bases = new float[16];

  /** Largest value of each part. */
  final float[] maxima = new float[16];

  /** Sum of each part's weights. */
  final float[] sumW = new float[16];

  /** Weighted sum of each part's values. */
  final float[] sumX = new float[16];

  /** Error of each part's best fit so far. */
  final float[] errors = new float[16];
}
