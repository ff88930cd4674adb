package llmengine.peft;

import llmengine.engine.FormatException;

/**
 * Settings of an OFT adapter (Qiu et al. 2023, "Controlling text-to-image diffusion by orthogonal
 * finetuning"; its second version rotates the inputs): a layer's K inputs are cut into blocks of
 * equal size, and each block is turned by an orthogonal matrix before the frozen weight.
 *
 * @param rank number of blocks; 0 if {@code blockSize} says it
 * @param blockSize inputs of a block; 0 if {@code rank} says it
 * @param moduleDropout share of a layer's blocks that stay as they are in a training step
 * @param terms of the Neumann series for the inverse in Cayley's formula; 0 for the exact inverse
 */
public record OftConfig(
    int rank, int blockSize, double moduleDropout, int terms, Placement placement)
    implements AdapterConfig {
  /** PEFT's number of terms. */
  public static final int TERMS = 5;

  public OftConfig {
    if (rank < 0 || blockSize < 0 || rank > 0 == blockSize > 0) {
      throw new FormatException(
          "oft: expected a number of blocks (oft_rank) or a size of blocks (oft_block_size), the"
              + " other 0, got "
              + rank
              + " and "
              + blockSize
              + ".");
    }
  }

  @Override
  public OftConfig withPlacement(Placement other) {
    return new OftConfig(rank, blockSize, moduleDropout, terms, other);
  }

  @Override
  public boolean hasDropout() {
    return moduleDropout > 0;
  }

  /**
   * Size of the blocks of a layer with K inputs: of the divisors of K the one nearest to what is
   * asked for, the smaller if two are.
   */
  public int blockOf(int inputs) {
    return blockSize > 0 ? divisor(inputs, blockSize) : inputs / divisor(inputs, rank);
  }

  private static int divisor(int inputs, int asked) {
    if (asked >= inputs) {
      return inputs;
    }
    int above = asked;
    while (inputs % above != 0) {
      above++;
    }
    int below = asked;
    while (inputs % below != 0) {
      below--;
    }
    return asked - below <= above - asked ? below : above;
  }

  /** Parameters of a layer with K inputs: the upper triangle of each block's skew matrix. */
  public long parametersOf(int inputs) {
    long block = blockOf(inputs);
    return inputs / block * (block * (block - 1) / 2);
  }
}
