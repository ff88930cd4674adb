package llmengine.engine.op;

import llmengine.engine.Backend;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;

/** y = x W^T + b + s (dropout(x) A^T) B^T (Hu et al. 2021, "LoRA", section 4.1). */
public final class LoraLinear {
  private LoraLinear() {}

  /**
   * @param x (M, K)
   * @param w (N, K), bias (N) or null: the frozen (or trained) layer
   * @param a (R, K) and b (N, R): the adapter, float32
   * @param scale s = alpha / R, or alpha / sqrt(R) for rsLoRA
   * @param dropout probability of dropping an input of the adapter; active only if the tape has
   *     dropout
   * @return (M, N)
   */
  public static Tensor apply(
      Tape tape, Tensor x, Tensor w, Tensor bias, Tensor a, Tensor b, float scale, float dropout) {
    Shapes.equal("lora", "columns of lora_A for weight " + w, w.cols(), a.cols());
    Shapes.equal("lora", "columns of lora_B", a.rows(), b.cols());
    Shapes.equal("lora", "rows of lora_B for weight " + w, w.rows(), b.rows());
    Backend backend = tape.backend();
    Tensor y = Linear.forward(tape, x, w, bias);
    boolean drop = dropout > 0 && tape.rowKeys() != null;
    long key = drop ? tape.dropoutKey() : 0;
    Tensor rowKeys = tape.rowKeys();
    Tensor u = tape.scope().empty(DType.F32, x.rows(), a.rows()); // dropout(x) A^T  (M, R)
    if (drop) {
      try (Scope scratch = new Scope(backend, tape.scope().owner())) {
        product(tape, dropped(scratch, x, dropout, key, rowKeys), a, 1, u, false);
      }
    } else {
      product(tape, x, a, 1, u, false);
    }
    product(tape, u, b, scale, y, true);
    return tape.record(
        "lora",
        y,
        dy -> {
          Linear.inputGradient(tape, dy, x, w);
          Linear.weightGradient(tape, dy, x, w, bias);
          if (b.needsGrad()) {
            Tape.Target db = tape.target(b);
            backend.matmulTN(dy, u, scale, db.tensor(), db.accumulate()); // (M,N)^T(M,R)
          }
          if (!a.needsGrad() && !x.needsGrad()) {
            return;
          }
          try (Scope scratch = new Scope(backend, tape.scope().owner())) {
            Tensor du = scratch.empty(DType.F32, x.rows(), a.rows());
            backend.matmulNN(dy, b, scale, du, false); // (M,N)(N,R)
            if (a.needsGrad()) {
              Tape.Target da = tape.target(a);
              Tensor input = drop ? dropped(scratch, x, dropout, key, rowKeys) : x;
              backend.matmulTN(du, input, 1, da.tensor(), da.accumulate()); // (M,R)^T(M,K)
            }
            if (x.needsGrad()) {
              Tape.Target dx = tape.target(x);
              if (drop) {
                Tensor through = scratch.empty(DType.F32, x.rows(), x.cols());
                backend.matmulNN(du, a, 1, through, false);
                backend.dropout(through, dropout, key, rowKeys, dx.tensor(), dx.accumulate());
              } else {
                backend.matmulNN(du, a, 1, dx.tensor(), dx.accumulate()); // (M,R)(R,K)
              }
            }
          }
        },
        x,
        w,
        bias,
        a,
        b);
  }

  /**
   * y += s (x A^T) B^T, without a derivative: the change that {@link #apply} adds to the frozen
   * layer's result, to the bit.
   *
   * @param x (M, K)
   * @param a (R, K) and b (N, R), float32
   * @param y (M, N)
   */
  public static void add(Tape tape, Tensor x, Tensor a, Tensor b, float scale, Tensor y) {
    Tensor u = tape.scope().empty(DType.F32, x.rows(), a.rows());
    product(tape, x, a, 1, u, false);
    product(tape, u, b, scale, y, true);
  }

  static void product(Tape tape, Tensor x, Tensor w, float alpha, Tensor y, boolean accumulate) {
    if (tape.usesRows()) {
      tape.backend().matmulRows(x, w, alpha, y, accumulate);
    } else {
      tape.backend().matmulNT(x, w, alpha, y, accumulate);
    }
  }

  static Tensor dropped(Scope scratch, Tensor x, float p, long key, Tensor rowKeys) {
    Tensor out = scratch.empty(DType.F32, x.rows(), x.cols());
    x.backend().dropout(x, p, key, rowKeys, out, false);
    return out;
  }
}
