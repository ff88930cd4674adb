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
        ExportDevice exportDevice,
    @Key(doc = "Quantizes the exported model by calibration to 2, 3, 4 or 8 bits; null does not.")
        Optional<Integer> exportQuantizationBit,
    @Key(
            doc =
                "Texts for calibration: a json, jsonl, csv or txt file, or a folder of them, with a"
                    + " column text.")
        Optional<Path> exportQuantizationDataset,
    @Key(preset = "128", min = 1, doc = "Windows of text that calibration reads.")
        int exportQuantizationNsamples,
    @Key(
            preset = "1024",
            min = 2,
            doc = "Tokens in each window, cut from rows that are longer than that.")
        int exportQuantizationMaxlen,
    @Key(
            own = true,
            preset = "gptq",
            doc = "How codes are found, and the layout of the files; awq has 4 bits only.")
        CalibratedMethod exportQuantizationMethod,
    @Key(
            own = true,
            preset = "128",
            min = -1,
            doc = "Neighbouring inputs that share scale and zero point; -1 is a whole row.")
        int exportQuantizationGroupSize,
    @Key(own = true, preset = "true", doc = "Fixes the zero point at the middle code (gptq).")
        boolean exportQuantizationSym,
    @Key(
            own = true,
            preset = "false",
            doc =
                "Rounds inputs of large activations first, across groups (gptq): closer at small"
                    + " groups, slower in some readers. False orders within groups.")
        boolean exportQuantizationDescAct,
    @Key(
            own = true,
            preset = "0.1",
            above = 0,
            below = 1,
            doc = "Share of the Hessian's mean diagonal that is added to it (gptq).")
        double exportQuantizationDamp) {

  /** How a model is quantized with calibration data. */
  public enum CalibratedMethod {
    /** Frantar et al. 2022. */
    GPTQ,
    /** Lin et al. 2023. */
    AWQ
  }

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
