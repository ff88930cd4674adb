package llmengine.quant.encode;

/** What encoding a block needs beside the block: made once per call, not per block. */
final class Work {
  /** Codes of a block. */
  final int[] codes = new int[256];

  /** Codes of a part under trial. */
  final int[] trial = new int[32];

  /** How much each value of a part counts. */
  final float[] weights = new float[32];

  /** Scale of each part. */
  final float[] scales = new float[16];

  /** Negated minimum of each part. */
  final float[] mins = new float[16];
}
