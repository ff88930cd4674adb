package llmengine.train.config;

import java.util.List;
import java.util.Optional;
import llmengine.train.stage.PairLoss;

/** Learning from preferred answers: stages rm, dpo and kto. */
@Section("Preferences")
public record PreferenceArguments(
    @Key(preset = "0.1", above = 0, doc = "Beta: how strongly the policy is held to the reference.")
        double prefBeta,
    @Key(
            preset = "sigmoid",
            doc =
                "Loss of stage dpo; orpo and simpo have no reference. hinge and ipo follow their"
                    + " papers.",
            later = {"kto_pair"})
        PairLoss.Kind prefLoss,
    @Key(preset = "0.0", min = 0, doc = "Factor of the chosen answer's own loss, which is added.")
        double prefFtx,
    @Key(preset = "0.0", min = 0, doc = "Weight of BCO's loss beside that of stage dpo.")
        double prefBcoWeight,
    @Key(
            preset = "0.0",
            min = 0,
            max = 0.5,
            doc = "Share of pairs that are taken to be the wrong way round; sigmoid only.")
        double dpoLabelSmoothing,
    @Key(preset = "0.5", doc = "Margin that simpo wants between the answers.") double simpoGamma,
    @Key(
            min = 0,
            max = 1,
            doc =
                "LD-DPO: weight of log-probabilities beyond the shorter answer's length; null is"
                    + " 1.")
        Optional<Double> ldAlpha,
    @Key(preset = "1.0", above = 0, doc = "Weight of desirable answers in stage kto.")
        double ktoChosenWeight,
    @Key(preset = "1.0", above = 0, doc = "Weight of undesirable answers in stage kto.")
        double ktoRejectedWeight,
    @Key(
            doc =
                "Reference model; null is the model itself, without the trained adapter or as it is"
                    + " stored.")
        Optional<String> refModel,
    @Key(preset = "[]", doc = "Adapters merged into ref_model.") List<String> refModelAdapters,
    @Key(
            min = 1,
            max = 8,
            doc = "Packs ref_model in this many bits while it is loaded, as quantization_bit does.")
        Optional<Integer> refModelQuantizationBit,
    @Key(
            own = true,
            preset = "true",
            doc =
                "Keeps the reference's log-probabilities in the cache folder: each row is computed"
                    + " once, with the same numbers.")
        boolean referenceCache,
    @Key(
            own = true,
            preset = "0.1",
            min = 0,
            below = 1,
            doc = "Dropout before the score of a reward model; LLaMA-Factory's is fixed.")
        double valueHeadDropout) {}
