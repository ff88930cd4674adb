package llmengine.data.random;

import java.util.Arrays;
import llmengine.data.DataException;

/**
 * Order of the training rows in each epoch, equal to that of the Hugging Face Trainer with its
 * seedable sampler: epoch e is {@code torch.randperm(rows)} after {@code manual_seed(seed + e)},
 * where seed is {@code data_seed} if given, else {@code seed}. Batches are cut from it in order and
 * the last one is smaller. It depends on nothing but its parts, so a resumed run sees the rows of
 * the unbroken one.
 */
public record EpochOrder(int rows, long seed, boolean shuffled) {
  public EpochOrder {
    if (rows < 0) {
      throw new DataException("epoch order: negative size: expected rows >= 0, got " + rows + ".");
    }
  }

  /** All rows in the order of this epoch, which counts from 0; (rows). */
  public int[] epoch(int epoch) {
    if (shuffled) {
      return new TorchRandom(seed + epoch).permutation(rows);
    }
    int[] order = new int[rows];
    for (int i = 0; i < rows; i++) {
      order[i] = i;
    }
    return order;
  }

  /**
   * The rows of this epoch that remain when the first {@code consumed} ones were already trained
   * on.
   */
  public int[] remaining(int epoch, int consumed) {
    if (consumed < 0 || consumed > rows) {
      throw new DataException(
          "resume: rows of the epoch already used: expected 0 to "
              + rows
              + ", got "
              + consumed
              + ". Was the dataset changed since the checkpoint?");
    }
    int[] order = epoch(epoch);
    return consumed == 0 ? order : Arrays.copyOfRange(order, consumed, rows);
  }
}
