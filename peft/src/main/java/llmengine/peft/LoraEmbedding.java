package llmengine.peft;

import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;
import llmengine.engine.op.Elementwise;
import llmengine.engine.op.Embedding;
import llmengine.engine.op.Linear;
import llmengine.nn.Parameter;
import llmengine.nn.TokenEmbedding;

/**
 * The adapter of the token table: E[id] + s A[id] B^T. A is kept as (V, R), the transpose of what
 * PEFT stores, so that a token's row is contiguous; B is (C, R). There is no dropout.
 *
 * @param scale s
 */
record LoraEmbedding(Parameter a, Parameter b, float scale) implements TokenEmbedding.Adapter {
  @Override
  public Tensor forward(Tape tape, Tensor ids, TokenEmbedding layer) {
    Tensor rows = Embedding.apply(tape, a.value(), ids, 1); // (M, R)
    Tensor delta = Linear.apply(tape, rows, b.value(), null); // (M, C)
    return Elementwise.add(tape, layer.plain(tape, ids), Elementwise.scale(tape, delta, scale));
  }

  /**
   * E + s A B^T, computed in float32, in the dtype of E (float32 if it is packed) and owned by
   * {@code scope}.
   */
  Tensor merged(Scope scope, Tensor table) {
    int[] dims = table.shape().dims();
    Tensor out = scope.empty(table.dtype().writable(), dims);
    try (Scope scratch = new Scope(scope.backend(), "merge")) {
      Tensor sum = out.dtype() == DType.F32 ? out : scratch.empty(DType.F32, dims);
      scope.backend().copy(table, sum);
      scope.backend().matmulNT(a.value(), b.value(), scale, sum, true); // (V,R)(C,R)^T
      if (sum != out) {
        scope.backend().copy(sum, out);
      }
    }
    return out;
  }
}
