package llmengine.peft;

import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;
import llmengine.engine.op.LoraLinear;
import llmengine.nn.Linear;
import llmengine.nn.Parameter;

/**
 * The adapter of one linear layer: y = W x + b + s B (A x), with A (R, K) and B (N, R) in float32.
 *
 * @param scale s
 * @param dropout of the adapter's input
 */
record LoraLayer(Parameter a, Parameter b, float scale, float dropout) implements Linear.Adapter {
  @Override
  public Tensor forward(Tape tape, Tensor x, Linear layer) {
    // layers side by side in a block must not share a dropout mask: their place has their name
    tape.enter(layer.name().substring(layer.name().lastIndexOf('.') + 1));
    Tensor y =
        LoraLinear.apply(
            tape,
            x,
            layer.weight().value(),
            layer.biasOrNull(),
            a.value(),
            b.value(),
            scale,
            dropout);
    tape.exit();
    return y;
  }

  /**
   * W + s B A, computed in float32, in the dtype of W (float32 if it is packed) and owned by {@code
   * scope}.
   */
  Tensor merged(Scope scope, Tensor weight) {
    int[] dims = weight.shape().dims();
    Tensor out = scope.empty(weight.dtype().writable(), dims);
    try (Scope scratch = new Scope(scope.backend(), "merge")) {
      Tensor sum = out.dtype() == DType.F32 ? out : scratch.empty(DType.F32, dims);
      scope.backend().copy(weight, sum);
      scope.backend().matmulNN(b.value(), a.value(), scale, sum, true); // (N,R)(R,K)
      if (sum != out) {
        scope.backend().copy(sum, out);
      }
    }
    return out;
  }
}
