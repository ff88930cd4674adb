package llmengine.peft;

import java.util.List;
import java.util.function.Consumer;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.nn.Linear;
import llmengine.nn.Parameter;

/** The adapter of one linear layer. */
sealed interface AdapterLayer extends Linear.Adapter permits LoraLayer, DoraLayer, OftLayer {
  /** What is trained and stored, under the names in PEFT's files. */
  List<Parameter> parameters();

  /**
   * The weight (N, K) that alone computes what frozen weight and adapter do together: computed in
   * float32, in the dtype of {@code weight} (float32 if it is packed) and owned by {@code scope}.
   */
  Tensor merged(Scope scope, Tensor weight);

  /** Floats that the layer keeps for each token until its backward pass, beside its output. */
  int floatsPerToken();

  /**
   * A changed copy of a weight: {@code change} gets it in float32, it is rounded once after to the
   * weight's dtype; a packed weight becomes float32.
   */
  static Tensor changed(Scope scope, Tensor weight, Consumer<Tensor> change) {
    int[] dims = weight.shape().dims();
    Tensor out = scope.empty(weight.dtype().writable(), dims);
    try (Scope scratch = new Scope(scope.backend(), "merge")) {
      Tensor wide = out.dtype() == DType.F32 ? out : scratch.empty(DType.F32, dims);
      scope.backend().copy(weight, wide);
      change.accept(wide);
      if (wide != out) {
        scope.backend().copy(wide, out);
      }
    }
    return out;
  }
}
