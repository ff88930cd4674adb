package llmengine.train.config;

import java.util.List;
import llmengine.nn.optim.Projection;

/** GaLore: the optimizer works on gradients projected to a low rank. */
@Section(value = "GaLore", trainingOnly = true)
public record GaloreArguments(
    @Key(
            preset = "false",
            doc =
                "Projects the gradients of linear layers to a low rank for the optimizer; with"
                    + " finetuning_type full or freeze, and optim adamw_torch or adafactor.")
        boolean useGalore,
    @Key(
            preset = "all",
            doc = "Parts of names of the projected linear layers; all is every one but lm_head.")
        List<String> galoreTarget,
    @Key(preset = "16", min = 1, doc = "Rank of projected gradients.") int galoreRank,
    @Key(preset = "200", min = 1, doc = "Steps until the projection is renewed.")
        int galoreUpdateInterval,
    @Key(preset = "2.0", above = 0, doc = "Multiplies projected updates.") double galoreScale,
    @Key(
            preset = "std",
            doc = "Projected side: the longer one (std), the shorter one, a fixed one or both.")
        Projection.Type galoreProjType,
    @Key(
            preset = "false",
            doc =
                "Updates each weight in the backward pass, as soon as its gradient is complete:"
                    + " gradients of one matrix at a time. Nothing is clipped then.")
        boolean galoreLayerwise) {}
