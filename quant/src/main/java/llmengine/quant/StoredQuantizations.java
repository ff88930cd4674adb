package llmengine.quant;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.Locale;
import llmengine.engine.FormatException;
import llmengine.quant.bnb.BitsAndBytesCheckpoint;
import llmengine.quant.ptq.AwqCheckpoint;
import llmengine.quant.ptq.GptqCheckpoint;

/** The formats of quantized checkpoints that can be read, by {@code quant_method}. */
public final class StoredQuantizations {
  private static final List<String> METHODS = List.of("awq", "bitsandbytes", "gptq");

  private StoredQuantizations() {}

  /** Values of {@code quant_method} that can be read. */
  public static List<String> methods() {
    return METHODS;
  }

  /**
   * @param where names the file in errors
   * @param config {@code quantization_config} of a checkpoint's {@code config.json}
   * @throws FormatException if the method, its version or its settings can't be read
   */
  public static StoredQuantization of(String where, JsonNode config) {
    QuantizationSettings settings = new QuantizationSettings(where, config);
    String method = settings.text("quant_method", "").toLowerCase(Locale.ROOT);
    return switch (method) {
      case "awq" -> new AwqCheckpoint(settings);
      case "bitsandbytes" -> new BitsAndBytesCheckpoint(config);
      case "gptq" -> new GptqCheckpoint(settings);
      default ->
          throw settings.bad(
              "quant_method",
              "one of " + METHODS,
              "can't be read; use another version of the model");
    };
  }
}
