package llmengine.train.config;

import java.util.List;

/** The rotations of finetuning_type oft; lora_target says of which layers. */
@Section("OFT")
public record OftArguments(
    @Key(preset = "0", min = 0, doc = "Number of blocks of a layer's inputs; 0 for oft_block_size.")
        int oftRank,
    @Key(preset = "32", min = 0, doc = "Inputs that one rotation turns; 0 for oft_rank.")
        int oftBlockSize,
    @Key(
            preset = "0.0",
            min = 0,
            below = 1,
            doc = "Share of a layer's rotations that are left out of a training step.")
        double moduleDropout,
    @Key(
            preset = "all",
            doc = "Without meaning, as in LLaMA-Factory: lora_target names the layers.")
        List<String> oftTarget) {}
