package llmengine.nn.generate;

import java.util.Arrays;

/** Several adapters on one model, of which each row of a batch runs with one. */
@FunctionalInterface
public interface RowAdapters {
  /**
   * Says what the model's next rows run with.
   *
   * @param adapters 0 for none; equal ones are next to each other
   * @param counts rows of each
   */
  void select(int[] adapters, int[] counts);

  /** The model as it is. */
  static RowAdapters none() {
    return (adapters, counts) -> {
      if (Arrays.stream(adapters).anyMatch(a -> a != 0)) {
        throw new IllegalArgumentException(
            "generate: adapters: expected none (0), got " + Arrays.toString(adapters) + ".");
      }
    };
  }
}
