package llmengine.quant;

import java.util.List;
import llmengine.engine.FormatException;
import llmengine.quant.bnb.FourBitQuantizer;
import llmengine.quant.bnb.Int8Quantizer;
import llmengine.quant.ptq.EetqQuantizer;
import llmengine.quant.ptq.HqqQuantizer;

/** The quantizers that need no calibration data, by LLaMA-Factory's names. */
public final class WeightQuantizers {
  private WeightQuantizers() {}

  /**
   * Bits that a method can quantize to; empty for an unknown method.
   *
   * @param method of {@code quantization_method}
   */
  public static List<Integer> bits(String method) {
    return switch (method) {
      case "bnb" -> List.of(4, 8);
      case "eetq" -> List.of(8);
      case "hqq" -> List.of(1, 2, 3, 4, 5, 6, 8);
      default -> List.of();
    };
  }

  /**
   * @param method of {@code quantization_method}, e.g. {@code bnb}
   * @param type of {@code quantization_type}: {@code nf4} or {@code fp4}, for 4 bits of bnb
   * @param doubleQuantization of {@code double_quantization}, for 4 bits of bnb
   * @throws FormatException if the method does not have these bits
   */
  public static WeightQuantizer of(
      String method, int bits, String type, boolean doubleQuantization) {
    if (method.equals("bnb") && bits == 4 && type.equals("nf4")) {
      return FourBitQuantizer.nf4(64, doubleQuantization);
    } else if (method.equals("bnb") && bits == 4 && type.equals("fp4")) {
      return FourBitQuantizer.fp4(64, doubleQuantization);
    } else if (method.equals("bnb") && bits == 8) {
      return new Int8Quantizer(Int8Quantizer.THRESHOLD);
    } else if (method.equals("eetq") && bits == 8) {
      return new EetqQuantizer();
    } else if (method.equals("hqq") && bits(method).contains(bits)) {
      return new HqqQuantizer(bits, 64, 0);
    }
    throw new FormatException(
        "quantization: no such format: expected "
            + (bits(method).isEmpty() ? "method bnb, eetq or hqq" : bits(method) + " bits")
            + ", got "
            + method
            + " "
            + type
            + " with "
            + bits
            + " bits.");
  }
}
