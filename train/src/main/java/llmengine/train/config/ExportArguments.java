package llmengine.train.config;

import java.nio.file.Path;
import java.util.Optional;
import llmengine.quant.encode.GgufMix;

/** What the export command writes. */
@Section("Export")
public record ExportArguments(
    @Key(
            doc =
                "Folder to write, or a .gguf file with export_format gguf; the export command needs"
                    + " it.")
        Optional<Path> exportDir,
    @Key(preset = "5", min = 1, doc = "Largest weight file in GB.") int exportSize,
    @Key(own = true, preset = "hf", doc = "hf writes a Hugging Face directory, gguf one file.")
        ExportFormat exportFormat,
    @Key(
            own = true,
            preset = "f16",
            doc =
                "Type of the matrices in a GGUF file, or a mix of types with the names of"
                    + " llama-quantize.")
        GgufMix exportGgufType,
    @Key(
            own = true,
            min = 0,
            doc =
                "Mean logit difference between export and source, as a share of the logits' spread,"
                    + " beyond which export fails; null is the type's own, 0 doesn't compare.")
        Optional<Double> exportMaxDifference,
    @Key(
            preset = "cpu",
            doc = "cpu also writes a cutoff_len other than 2048 as the tokenizer's longest input.")
        ExportDevice exportDevice) {

  /** What is written. */
  public enum ExportFormat {
    HF,
    GGUF
  }

  /** Where the export runs. */
  public enum ExportDevice {
    CPU,
    AUTO
  }
}
