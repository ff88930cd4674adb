package llmengine.train.export;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import llmengine.nn.generate.Perplexity;
import llmengine.train.checkpoint.JsonFiles;

/**
 * What quantizing a model cost: perplexity over windows of text that calibration did not read.
 *
 * @param settings method, bits, groups and calibration, as in the configuration
 * @param bitsPerWeight of the quantized layers, scales and zero points included
 * @param before perplexity of the source
 * @param roundToNearest perplexity when each weight takes its nearest code, with the same bits
 * @param after perplexity of what was written
 * @param unseen whether the windows are of rows that calibration did not read
 */
public record QuantizationReport(
    ObjectNode settings,
    double bitsPerWeight,
    Perplexity before,
    Perplexity roundToNearest,
    Perplexity after,
    boolean unseen) {
  static final String FILE = "quantization_report.json";

  /** For people. */
  public List<String> lines() {
    return List.of(
        String.format(
            Locale.ROOT,
            "quantized %s, %.2f bits per weight; perplexity %.4f before, %.4f after, %.4f by round"
                + " to nearest",
            settings.path("export_quantization_method").asText(),
            bitsPerWeight,
            before.value(),
            after.value(),
            roundToNearest.value()),
        String.format(
            Locale.ROOT,
            "measured  over %,d tokens of %s",
            before.tokens(),
            unseen
                ? "rows that calibration did not read"
                : "other windows of rows that calibration read too (there are no more rows)"));
  }

  /** Writes {@code quantization_report.json}. */
  void write(Path folder, Optional<ExportCheck> check) throws IOException {
    ObjectNode json = new ObjectMapper().createObjectNode();
    json.setAll(settings);
    json.put("bits_per_weight", bitsPerWeight);
    ObjectNode perplexity = json.putObject("perplexity");
    perplexity.put("before", before.value());
    perplexity.put("after", after.value());
    perplexity.put("round_to_nearest", roundToNearest.value());
    perplexity.put("tokens", before.tokens());
    perplexity.put("rows_unseen_by_calibration", unseen);
    if (check.isPresent()) {
      ObjectNode logits = json.putObject("logits");
      logits.put("largest_difference", check.get().largest());
      logits.put("mean_difference", check.get().mean());
      logits.put("spread", check.get().spread());
      logits.put("positions", check.get().positions());
      logits.put("same_next_token", check.get().sameChoice());
    }
    JsonFiles.write(folder.resolve(FILE), json, 2);
  }
}
