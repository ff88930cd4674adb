package llmengine.quant.bnb;

import java.util.Arrays;
import llmengine.engine.EightBitState;

/**
 * Block-wise 8 bit (Dettmers et al. 2022, "8-bit Optimizers via Block-wise Quantization"): each
 * block keeps its largest magnitude, and a value is the entry of a table of 256 times that. The
 * table is the dynamic map: 0, 1, and seven decades whose number of steps doubles towards 1. It
 * stores optimizer states and the block scales of double quantization.
 */
public final class Blockwise8 implements EightBitState.Code {
  /** For values of both signs: first moments, scales less their mean. */
  public static final Blockwise8 SIGNED = new Blockwise8(true);

  /** For values that are never negative: second moments. */
  public static final Blockwise8 UNSIGNED = new Blockwise8(false);

  /** Smaller magnitudes of a block count as this: a block of zeros has no scale to divide by. */
  static final float LEAST = 1e-38f;

  private static final int DECADES = 7;

  private final float[] table;
  private final NearestCode nearest;

  private Blockwise8(boolean signed) {
    table = dynamicMap(signed);
    nearest = new NearestCode(table);
  }

  /** A decade's steps are the midpoints of equal pieces of 0.1 to 1, in float32 throughout. */
  private static float[] dynamicMap(boolean signed) {
    float[] map = new float[256];
    int at = 0;
    for (int decade = 0; decade < DECADES; decade++) {
      int pieces = 1 << (signed ? decade : decade + 1);
      float scale = (float) Math.pow(10, decade - (DECADES - 1));
      for (int i = 0; i < pieces; i++) {
        float value = scale * ((boundary(i, pieces) + boundary(i + 1, pieces)) / 2);
        map[at++] = value;
        if (signed) {
          map[at++] = -value;
        }
      }
    }
    map[at++] = 0;
    map[at] = 1;
    Arrays.sort(map);
    return map;
  }

  /** Counted from the nearer end and rounded once, as {@code torch.linspace} does it. */
  private static float boundary(int i, int pieces) {
    float step = (1 - 0.1f) / pieces;
    return i < (pieces + 1) / 2
        ? Math.fma(step, (float) i, 0.1f)
        : Math.fma(-step, (float) (pieces - i), 1f);
  }

  /** The 256 values of the codes, ascending. */
  public float[] table() {
    return table.clone();
  }

  /** The value that a code stands for in a block of scale 1. */
  public float value(byte code) {
    return table[code & 0xFF];
  }

  /**
   * Encodes one block: {@code count} values from {@code values[at]} on become as many codes from
   * {@code codes[to]} on.
   *
   * @param blockSize values of a whole block; the last block of a tensor may be shorter
   * @return the block's scale, its largest magnitude; NaN or infinite if a value is, and then the
   *     codes mean nothing
   */
  @Override
  public float encode(float[] values, int at, int count, int blockSize, byte[] codes, int to) {
    float scale = largest(values, at, count);
    if (!Float.isFinite(scale)) {
      return scale;
    }
    float divisor = Math.max(scale, LEAST);
    if (count == blockSize) {
      float inverse = 1 / divisor;
      for (int i = 0; i < count; i++) {
        codes[to + i] = (byte) nearest.of(Math.clamp(values[at + i] * inverse, -1f, 1f));
      }
      return scale;
    }
    for (int i = 0; i < count; i++) {
      codes[to + i] = (byte) nearest.of(values[at + i] / divisor);
    }
    return divisor;
  }

  /** Decodes codes of one block: as many values from {@code values[to]} on. */
  @Override
  public void decode(byte[] codes, int at, int count, float scale, float[] values, int to) {
    for (int i = 0; i < count; i++) {
      values[to + i] = table[codes[at + i] & 0xFF] * scale;
    }
  }

  /**
   * Encodes all of {@code values} in blocks.
   *
   * @param codes as many as values
   * @param scales one for each block begun
   */
  public void encode(float[] values, int blockSize, byte[] codes, float[] scales) {
    for (int at = 0, block = 0; at < values.length; at += blockSize, block++) {
      int count = Math.min(blockSize, values.length - at);
      scales[block] = encode(values, at, count, blockSize, codes, at);
    }
  }

  /** Undoes {@link #encode(float[], int, byte[], float[])}. */
  public void decode(byte[] codes, int blockSize, float[] scales, float[] values) {
    for (int at = 0, block = 0; at < values.length; at += blockSize, block++) {
      int count = Math.min(blockSize, values.length - at);
      decode(codes, at, count, scales[block], values, at);
    }
  }

  /** Largest magnitude; NaN if there is one. */
  static float largest(float[] values, int at, int count) {
    float largest = 0;
    for (int i = 0; i < count; i++) {
      largest = Math.max(largest, Math.abs(values[at + i]));
    }
    return largest;
  }
}
