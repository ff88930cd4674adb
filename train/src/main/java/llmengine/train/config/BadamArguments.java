package llmengine.train.config;

import java.util.Optional;
import llmengine.nn.optim.BlockOptimizer;

/** BAdam: one transformer block is trained at a time. */
@Section(value = "BAdam", trainingOnly = true)
public record BadamArguments(
    @Key(
            preset = "false",
            doc =
                "Trains one block at a time with AdamW: gradients and moments of one block only."
                    + " With finetuning_type full or freeze.")
        boolean useBadam,
    @Key(
            preset = "layer",
            later = {"ratio"},
            doc = "Blocks take turns.")
        Mode badamMode,
    @Key(min = 0, doc = "Block to begin with.") Optional<Integer> badamStartBlock,
    @Key(preset = "ascending", doc = "Which block comes next.")
        BlockOptimizer.Order badamSwitchMode,
    @Key(preset = "50", min = -1, doc = "Steps until the next block; -1 stays with the first.")
        int badamSwitchInterval) {

  /** What is updated at a time. */
  public enum Mode {
    LAYER
  }

  /** How blocks take turns. */
  public BlockOptimizer.Turns turns(long seed) {
    boolean stays = badamSwitchInterval < 1;
    return new BlockOptimizer.Turns(
        stays ? BlockOptimizer.Order.FIXED : badamSwitchMode,
        stays ? Integer.MAX_VALUE : badamSwitchInterval,
        badamStartBlock,
        seed);
  }
}
