package llmengine.train.export;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Locale;
import llmengine.nn.generate.Perplexity;

/**
 * What quantizing a model cost: perplexity over windows of text that calibration did not read, and
 * logits at the end of a few prompts.
 *
 * @param settings method, bits, groups and calibration, as in the configuration
 * @param bitsPerWeight of the quantized layers, scales and zero points included
 * @param before perplexity of the source
 * @param roundToNearest perplexity when each weight takes its nearest code, with the same bits
 * @param after perplexity of what was written
 * @param unseen whether the windows are of rows that calibration did not read
 * @param check logits of what was written against the source's
 */
public record QuantizationReport(
    ObjectNode settings,
    double bitsPerWeight,
    Perplexity before,
    Perplexity roundToNearest,
    Perplexity after,
    boolean unseen,
    MergeCheck check) {

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
                : "other windows of rows that calibration read too (there are no more rows)"),
        String.format(
            Locale.ROOT,
            "check     quantized against source: largest logit difference %.3g, mean %.2g; same"
                + " next token at %d of %d positions",
            check.largest(),
            check.mean(),
            check.sameChoice(),
            check.positions()));
  }

  /** For {@code quantization_report.json}. */
  ObjectNode json() {
    ObjectNode json = new ObjectMapper().createObjectNode();
    json.setAll(settings);
    json.put("bits_per_weight", bitsPerWeight);
    ObjectNode perplexity = json.putObject("perplexity");
    perplexity.put("before", before.value());
    perplexity.put("after", after.value());
    perplexity.put("round_to_nearest", roundToNearest.value());
    perplexity.put("tokens", before.tokens());
    perplexity.put("rows_unseen_by_calibration", unseen);
    ObjectNode logits = json.putObject("logits");
    logits.put("largest_difference", check.largest());
    logits.put("mean_difference", check.mean());
    logits.put("positions", check.positions());
    logits.put("same_next_token", check.sameChoice());
    return json;
  }
}
