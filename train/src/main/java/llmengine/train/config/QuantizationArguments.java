package llmengine.train.config;

import java.util.Optional;

/** Weights packed into few bits while they are loaded; they stay frozen. */
@Section("Quantization")
public record QuantizationArguments(
    @Key(
            min = 1,
            max = 8,
            doc =
                "Packs the linear layers of the blocks in this many bits; LoRA trains on them"
                    + " (QLoRA). Token table and output projection stay as they are.")
        Optional<Integer> quantizationBit,
    @Key(
            preset = "bnb",
            later = {"gptq", "awq", "aqlm", "quanto", "mxfp4", "fp8"},
            doc =
                "How: bnb is bitsandbytes, 4 bits (quantization_type) or 8 (LLM.int8()); hqq has 1,"
                    + " 2, 3, 4, 5, 6 or 8 bits in groups of 64, eetq 8 bits for each output.")
        Method quantizationMethod,
    @Key(preset = "nf4", doc = "The 4-bit numbers of bnb: NormalFloat or a float.")
        Type quantizationType,
    @Key(preset = "true", doc = "Keeps the block scales of 4-bit weights in 8 bits themselves.")
        boolean doubleQuantization,
    @Key(doc = "Accepted for inference with 4 bits, where one CPU holds all layers anyway.")
        Optional<DeviceMap> quantizationDeviceMap) {

  /** Whose formats and rounding. */
  public enum Method {
    BNB,
    HQQ,
    EETQ;

    /** The word in a configuration. */
    public String key() {
      return Text.snakeCase(name());
    }
  }

  /** The 4-bit numbers. */
  public enum Type {
    NF4,
    FP4;

    /** The word in a configuration. */
    public String key() {
      return Text.snakeCase(name());
    }
  }

  /** How layers are spread over devices. */
  public enum DeviceMap {
    AUTO
  }

  /** Whether weights are to be packed. */
  public boolean isAsked() {
    return quantizationBit.isPresent();
  }

  /** Whether 4 bits of bitsandbytes are asked for. */
  boolean isFourBit() {
    return quantizationMethod == Method.BNB && quantizationBit.filter(b -> b == 4).isPresent();
  }
}
