package llmengine.train.config;

import static llmengine.train.config.Rules.error;
import static llmengine.train.config.Rules.keys;
import static llmengine.train.config.RunConfig.Command.EXPORT;

import java.util.List;
import llmengine.train.config.ExportArguments.CalibratedMethod;
import llmengine.train.config.ExportArguments.ExportFormat;
import llmengine.train.config.ModelArguments.WeightType;

/** What the keys of an export demand of each other. */
final class ExportRules {
  private ExportRules() {}

  /** Adds these rules to {@link Rules}. */
  static void add() {
    // quantized export: the first three as LLaMA-Factory
    error(
        keys("export_quantization_bit"),
        c ->
            c.export()
                .exportQuantizationBit()
                .filter(b -> !List.of(2, 3, 4, 8).contains(b))
                .isPresent(),
        "no such width: expected 2, 3, 4 or 8 bits, got another number. Change it.");
    error(
        keys("export_quantization_dataset", "export_quantization_bit"),
        c ->
            c.export().exportQuantizationBit().isPresent()
                && c.export().exportQuantizationDataset().isEmpty(),
        "missing: expected texts to calibrate with, got none. Add export_quantization_dataset:"
            + " ...");
    error(
        keys("export_quantization_bit", "adapter_name_or_path"),
        c ->
            c.export().exportQuantizationBit().isPresent()
                && !c.model().adapterNameOrPath().isEmpty(),
        "not with adapters: expected a model alone, got adapter_name_or_path. Merge the adapter by"
            + " an export of its own, then quantize what it wrote.");
    error(
        keys("export_quantization_bit"),
        c -> c.export().exportQuantizationBit().isPresent() && c.command() != EXPORT,
        "belongs to export: expected the export command, got another. Remove it;"
            + " quantization_bit quantizes a model that is trained or asked.");
    error(
        keys("export_quantization_method", "export_quantization_bit"),
        c ->
            c.export().exportQuantizationMethod() == CalibratedMethod.AWQ
                && c.export().exportQuantizationBit().filter(b -> b != 4).isPresent(),
        "awq has 4 bits: expected export_quantization_bit 4, got another. Set it to 4 or use"
            + " gptq.");
    error(
        keys(
            "export_quantization_method",
            "export_quantization_sym",
            "export_quantization_desc_act",
            "export_quantization_damp"),
        c ->
            c.export().exportQuantizationMethod() == CalibratedMethod.AWQ
                && (c.isGiven("export_quantization_sym")
                    || c.isGiven("export_quantization_desc_act")
                    || c.isGiven("export_quantization_damp")),
        "awq has no sym, desc_act and damp: expected them to be left out, got one. Remove it or use"
            + " export_quantization_method: gptq.");
    error(
        keys("export_quantization_group_size"),
        c -> c.export().exportQuantizationGroupSize() == 0,
        "no group: expected -1 or at least 1, got 0. Use 128, or -1 for whole rows.");
    error(
        keys("infer_dtype", "export_quantization_bit"),
        c ->
            c.export().exportQuantizationBit().isPresent()
                && c.model().inferDtype() != WeightType.AUTO
                && c.model().inferDtype() != WeightType.FLOAT16,
        "quantized models keep the rest in float16: expected auto or float16, got another. Remove"
            + " infer_dtype.");

    // GGUF
    error(
        keys("export_gguf_type", "export_format"),
        c -> c.isGiven("export_gguf_type") && c.export().exportFormat() != ExportFormat.GGUF,
        "belongs to GGUF files: expected export_format gguf, got hf. Add export_format: gguf.");
    error(
        keys("infer_dtype", "export_format"),
        c ->
            c.export().exportFormat() == ExportFormat.GGUF
                && c.model().inferDtype() != WeightType.AUTO,
        "has no say in a GGUF file: expected export_gguf_type, got infer_dtype. Replace it, e.g. by"
            + " export_gguf_type: bf16.");
    error(
        keys("export_quantization_bit", "export_format"),
        c ->
            c.export().exportFormat() == ExportFormat.GGUF
                && c.export().exportQuantizationBit().isPresent(),
        "calibrates Hugging Face directories: expected export_gguf_type for a GGUF file, got"
            + " export_quantization_bit. Remove one of the two.");
    error(
        keys("export_dir", "export_format"),
        c ->
            c.export().exportFormat() == ExportFormat.HF
                && c.export().exportDir().filter(d -> d.toString().endsWith(".gguf")).isPresent(),
        "a file: expected a folder, got a name that ends with .gguf. Add export_format: gguf.");
  }
}
