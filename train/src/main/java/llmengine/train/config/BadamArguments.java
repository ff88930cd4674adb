package llmengine.train.config;

import java.util.Optional;
import llmengine.nn.optim.BlockOptimizer;
import llmengine.nn.optim.RatioOptimizer;

/** BAdam: one transformer block, or a share of every weight, is trained at a time. */
@Section(value = "BAdam", trainingOnly = true)
public record BadamArguments(
    @Key(
            preset = "false",
            doc =
                "Trains one block, or a share of every weight, at a time with AdamW: gradients and"
                    + " moments of these only. With finetuning_type full or freeze.")
        boolean useBadam,
    @Key(preset = "layer", doc = "Blocks take turns (layer), or entries of every weight (ratio).")
        Mode badamMode,
    @Key(min = 0, doc = "Block to begin with.") Optional<Integer> badamStartBlock,
    @Key(preset = "ascending", doc = "Which block comes next.")
        BlockOptimizer.Order badamSwitchMode,
    @Key(
            preset = "50",
            min = -1,
            doc =
                "Steps until the next block; -1 stays with the first. By ratio it is always 100, as"
                    + " in the badam package.")
        int badamSwitchInterval,
    @Key(
            preset = "0.05",
            above = 1e-6,
            max = 1,
            doc = "By ratio: share of a weight's entries that is trained at a time.")
        double badamUpdateRatio,
    @Key(preset = "adjacent", doc = "By ratio: entries next to each other, or here and there.")
        RatioOptimizer.Mask badamMaskMode) {

  /** What is updated at a time. */
  public enum Mode {
    LAYER,
    RATIO
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
