package llmengine.train.config;

import java.util.List;
import java.util.Optional;

/** The low-rank adapter, W + scale * B A, of finetuning_type lora. */
@Section("LoRA")
public record LoraArguments(
    @Key(preset = "8", min = 1, doc = "Rank R of the update. More rank, more memory and capacity.")
        int loraRank,
    @Key(min = 0, doc = "Numerator of the scale alpha / R; null or 0 is twice the rank.")
        Optional<Integer> loraAlpha,
    @Key(preset = "0.0", min = 0, below = 1, doc = "Dropout on the adapter's input.")
        double loraDropout,
    @Key(
            preset = "all",
            doc =
                "Last name parts of the linear layers that get an adapter; all stands for every"
                    + " one but lm_head.")
        List<String> loraTarget,
    @Key(preset = "[]", doc = "Modules trained and saved in full beside the adapter.")
        List<String> additionalTarget,
    @Key(preset = "false", doc = "Scales by alpha / sqrt(R).") boolean useRslora,
    @Key(
            preset = "false",
            doc = "DoRA: the lengths of the weight's rows are learned apart from their directions.")
        boolean useDora,
    @Key(
            preset = "false",
            doc = "PiSSA: starts with the strongest singular directions of the weight.")
        boolean pissaInit,
    @Key(
            preset = "16",
            min = -1,
            doc = "PiSSA: iterations of the fast decomposition; -1 for an exact one.")
        int pissaIter,
    @Key(
            preset = "false",
            doc = "PiSSA: leaves a plain adapter of twice the rank in pissa_converted as well.")
        boolean pissaConvert,
    @Key(
            own = true,
            preset = "false",
            doc =
                "LoftQ: the weights become NF4, and the adapter starts with what that loses, as far"
                    + " as its rank holds it.")
        boolean loftqInit,
    @Key(
            own = true,
            preset = "1",
            min = 1,
            doc = "LoftQ: rounds of quantizing and decomposing; the best one is kept.")
        int loftqIter,
    @Key(
            min = 0,
            doc =
                "LoRA+: the matrices B and all vectors learn this many times as fast as the rest.")
        Optional<Double> loraplusLrRatio,
    @Key(
            preset = "1e-06",
            min = 0,
            doc = "LoRA+: the learning rate of the matrix B of an adapter on the token table.")
        double loraplusLrEmbedding,
    @Key(preset = "false", doc = "Merges all given adapters into the weights and starts a new one.")
        boolean createNewAdapter) {

  /** Numerator of the scale, with the default 2 R filled in. */
  public int alpha() {
    return loraAlpha.filter(alpha -> alpha != 0).orElse(2 * loraRank);
  }

  /** Whether every linear layer outside lm_head is a target. */
  public boolean targetsAll() {
    return loraTarget.equals(List.of("all"));
  }
}
