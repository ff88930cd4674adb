package llmengine.train.config;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** Which weights are loaded and how. */
@Section("Model")
public record ModelArguments(
    @Key(
            required = true,
            doc =
                "Folder of a Hugging Face checkpoint, a .gguf file, or a hub name like org/name,"
                    + " which is downloaded if the local cache lacks it.")
        String modelNameOrPath,
    @Key(
            preset = "[]",
            doc =
                "Adapter folders. Training merges all but the last and goes on with the last;"
                    + " inference merges all.")
        List<String> adapterNameOrPath,
    @Key(doc = "Folder inside each adapter path that holds the adapter's files.")
        Optional<String> adapterFolder,
    @Key(doc = "Hub cache to look names up in, instead of HF_HOME/hub.") Optional<Path> cacheDir,
    @Key(preset = "main", doc = "Branch, tag or commit of a model named org/name.")
        String modelRevision,
    @Key(
            doc =
                "Stretches the context. Training: by ceil(cutoff_len / original length), not at"
                    + " all if cutoff_len fits; inference: by 2.")
        Optional<RopeScaling> ropeScaling,
    @Key(
            preset = "false",
            doc = "Keeps all activations instead of recomputing each block in the backward pass.")
        boolean disableGradientCheckpointing,
    @Key(
            preset = "auto",
            doc =
                "Weight type in chat and export; auto keeps the checkpoint's, f32 exported as 16"
                    + " bits. In chat, quantized weights stay as they are.")
        WeightType inferDtype,
    @Key(
            preset = "false",
            doc = "Starts from random weights; the checkpoint gives configuration and tokenizer.")
        boolean trainFromScratch,
    @Key(
            preset = "false",
            doc =
                "LongLoRA's attention in training (stages pt and sft, models of type llama): within"
                    + " groups of a quarter of a batch's longest row, shifted by half a group for"
                    + " half of the heads. Evaluation and inference have full attention.")
        boolean shiftAttn) {

  /** Method of stretching the rotary position embedding. */
  public enum RopeScaling {
    LINEAR,
    DYNAMIC,
    YARN,
    LLAMA3
  }

  /** Number type of weights at inference. */
  public enum WeightType {
    AUTO,
    FLOAT16,
    BFLOAT16,
    FLOAT32
  }
}
