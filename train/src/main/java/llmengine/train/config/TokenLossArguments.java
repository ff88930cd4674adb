package llmengine.train.config;

import java.util.Optional;
import llmengine.train.stage.WeightedLm;

/** Stage sft with weighed tokens. */
@Section("Weighed tokens")
public record TokenLossArguments(
    @Key(preset = "false", doc = "DFT: weighs each token's loss by its probability.")
        boolean useDftLoss,
    @Key(preset = "false", doc = "EAFT: weighs it by the entropy of the 20 likeliest tokens.")
        boolean useEaftLoss,
    @Key(preset = "1.0", min = 0, doc = "Exponent of EAFT's weight.") double eaftAlpha,
    @Key(preset = "false", doc = "ASFT: DFT, held to a reference as in stage dpo.")
        boolean useAsftLoss,
    @Key(preset = "0.1", min = 0, doc = "Factor of ASFT's divergence from the reference.")
        double asftAlpha) {

  /** The weight that was asked for, if one was. */
  public Optional<WeightedLm.Kind> kind() {
    return useDftLoss
        ? Optional.of(WeightedLm.Kind.DFT)
        : useEaftLoss
            ? Optional.of(WeightedLm.Kind.EAFT)
            : useAsftLoss ? Optional.of(WeightedLm.Kind.ASFT) : Optional.empty();
  }

  /** How many of the losses were asked for. */
  int count() {
    return (useDftLoss ? 1 : 0) + (useEaftLoss ? 1 : 0) + (useAsftLoss ? 1 : 0);
  }
}
