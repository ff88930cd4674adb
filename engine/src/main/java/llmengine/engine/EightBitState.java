package llmengine.engine;

/**
 * What an optimizer keeps for a parameter of n elements in one byte each (Dettmers et al. 2022,
 * "8-bit Optimizers via Block-wise Quantization").
 *
 * @param codes (n) U8
 * @param scales F32, one for each block of {@code blockSize} codes begun
 * @param code what a byte stands for
 */
public record EightBitState(Tensor codes, Tensor scales, int blockSize, Code code) {
  /** Values of a block as codes and one scale, and back. Safe for concurrent use. */
  public interface Code {
    /**
     * Encodes {@code count} values from {@code values[at]} on, a block or the shorter last one.
     *
     * @return the block's scale
     */
    float encode(float[] values, int at, int count, int blockSize, byte[] codes, int to);

    /** Decodes codes of one block. */
    void decode(byte[] codes, int at, int count, float scale, float[] values, int to);
  }
}
