package llmengine.train.config;

import java.nio.file.Path;
import java.util.Optional;

/** What the export command writes. */
@Section("Export")
public record ExportArguments(
    @Key(doc = "Folder to write; the export command needs it.") Optional<Path> exportDir,
    @Key(preset = "5", min = 1, doc = "Largest weight file in GB.") int exportSize,
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

  /** Where the export runs. */
  public enum ExportDevice {
    CPU,
    AUTO
  }
}
