package llmengine.peft;

import java.util.ArrayList;
import java.util.List;
import llmengine.engine.FormatException;
import llmengine.nn.Decoder;

/**
 * LLaMA Pro (Wu et al. 2024): a model grows by copies of some of its blocks that pass their input
 * on unchanged at first, and only these are trained. The blocks are cut into as many equal runs as
 * there are copies; the copy is the last of its run.
 */
public final class LlamaPro {
  private LlamaPro() {}

  /**
   * Indices of the added blocks of an expanded model.
   *
   * @param blocks of the expanded model
   * @param added {@code freeze_trainable_layers}
   * @throws FormatException if the blocks can't be cut like that
   */
  public static List<Integer> addedBlocks(int blocks, int added) {
    if (added < 1 || blocks % added != 0) {
      throw new FormatException(
          "freeze_trainable_layers: with use_llama_pro the model's blocks must be a multiple:"
              + " expected a divisor of "
              + blocks
              + ", got "
              + added
              + ". Give the number of blocks that expand added.");
    }
    int run = blocks / added;
    List<Integer> last = new ArrayList<>();
    for (int i = run - 1; i < blocks; i += run) {
      last.add(i);
    }
    return last;
  }

  /** The whole names of the linear layers in some blocks that the targets name. */
  public static Targets within(Decoder model, List<Integer> blocks, Targets targets) {
    List<String> names =
        model.linears().keySet().stream()
            .filter(targets::matches)
            .filter(n -> blocks.stream().anyMatch(b -> n.contains("." + b + ".")))
            .toList();
    if (names.isEmpty()) {
      throw new FormatException(
          "lora_target: expected names of linear layers in the added blocks, got "
              + targets
              + ". Set lora_target: all.");
    }
    return new Targets.Names(names);
  }
}
