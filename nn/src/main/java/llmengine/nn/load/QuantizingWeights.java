package llmengine.nn.load;

import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.nn.WeightSource;
import llmengine.quant.WeightQuantizer;

/**
 * Packs the linear layers of the blocks as they are loaded, one after another. As with
 * bitsandbytes in transformers, the token table and the output projection stay as they are, and so
 * do vectors; layers that are stored packed already stay so too.
 *
 * @param halved whether float32 weights are rounded to bfloat16 first, as they are when the rest of
 *     the model is kept in it
 */
record QuantizingWeights(WeightSource weights, WeightQuantizer quantizer, boolean halved)
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
      if (plain.dtype() != DType.PACKED) {
        return quantizer.quantize(scope, name, halved(scratch, plain));
      }
    }
    return weights.load(scope, name, shape);
  }

  private Tensor halved(Scope scratch, Tensor weight) {
    if (!halved || weight.dtype() != DType.F32) {
      return weight;
    }
    Tensor half = scratch.empty(DType.BF16, weight.shape().dims());
    scratch.backend().copy(weight, half);
    return half;
  }
}
