package llmengine.quant;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.Locale;
import llmengine.engine.FormatException;
import llmengine.quant.bnb.BitsAndBytesCheckpoint;
import llmengine.quant.ptq.AqlmCheckpoint;
import llmengine.quant.ptq.AwqCheckpoint;
import llmengine.quant.ptq.Fp8Checkpoint;
import llmengine.quant.ptq.GptqCheckpoint;
import llmengine.quant.ptq.HqqCheckpoint;
import llmengine.quant.ptq.Mxfp4Checkpoint;

/** The formats of quantized checkpoints that can be read, by {@code quant_method}. */
public final class StoredQuantizations {
  private static final List<String> METHODS =
      List.of("aqlm", "awq", "bitsandbytes", "fp8", "gptq", "hqq", "mxfp4");

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
      case "aqlm" -> new AqlmCheckpoint(settings);
      case "awq" -> new AwqCheckpoint(settings);
      case "bitsandbytes" -> new BitsAndBytesCheckpoint(config);
      case "eetq" ->
          throw settings.bad(
              "quant_method",
              "one of " + METHODS,
              "files of EETQ are in a layout of one GPU generation; load the original model with"
                  + " quantization_method: eetq");
      case "fp8" -> new Fp8Checkpoint(settings);
      case "gptq" -> new GptqCheckpoint(settings);
      case "hqq" -> new HqqCheckpoint();
      case "mxfp4" -> new Mxfp4Checkpoint();
      default ->
          throw settings.bad(
              "quant_method",
              "one of " + METHODS,
              "can't be read; use another version of the model");
    };
  }
}
