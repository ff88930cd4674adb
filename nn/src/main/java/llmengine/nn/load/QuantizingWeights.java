package llmengine.nn.load;

import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.nn.WeightSource;
import llmengine.quant.WeightQuantizer;

/**
 * Packs the linear layers of the blocks as they are loaded, one after another. As with bitsandbytes
 * in transformers, the token table and the output projection stay as they are, and so do vectors;
 * layers that are stored packed already stay so too.
 *
 * @param rounding the dtype that weights are rounded to first, as transformers loads them in the
 *     dtype it computes in; F32 for none
 */
record QuantizingWeights(WeightSource weights, WeightQuantizer quantizer, DType rounding)
    implements WeightSource {
  @Override
  public boolean has(String name) {
    return weights.has(name);
  }

  @Override
  public Tensor load(Scope scope, String name, int... shape) {
    if (!Pretrained.isQuantizable(name, shape.length)) {
      return weights.load(scope, name, shape);
    }
    try (Scope scratch = new Scope(scope.backend(), scope.owner())) {
      Tensor plain = weights.load(scratch, name, shape);
      if (!isQuantized(plain)) {
        return quantizer.quantize(scope, name, rounded(scratch, plain));
      }
    }
    return weights.load(scope, name, shape);
  }

  /** Packed in fewer bits than any float; rows of halves in another order are packed as well. */
  private static boolean isQuantized(Tensor t) {
    return t.dtype() == DType.PACKED && t.packing().bytes() < 2 * t.size();
  }

  private Tensor rounded(Scope scratch, Tensor weight) {
    if (rounding == DType.F32 || weight.dtype() == rounding) {
      return weight;
    }
    Tensor rounded = scratch.empty(rounding, weight.shape().dims());
    scratch.backend().copy(weight, rounded);
    return rounded;
  }
}
