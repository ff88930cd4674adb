package llmengine.engine.op;

import llmengine.engine.DType;
import llmengine.engine.InferencePacking;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;

/** y = x W^T + b, the layer {@code torch.nn.Linear} with its weight as stored in checkpoints. */
public final class Linear {
  private Linear() {}

  /**
   * @param x (M, K) float32
   * @param w (N, K) any float dtype
   * @param bias (N) or null
   * @return (M, N)
   */
  public static Tensor apply(Tape tape, Tensor x, Tensor w, Tensor bias) {
    Tensor y = forward(tape, x, w, bias);
    return tape.record(
        "linear",
        y,
        dy -> {
          inputGradient(tape, dy, x, w);
          weightGradient(tape, dy, x, w, bias);
        },
        x,
        w,
        bias);
  }

  static Tensor forward(Tape tape, Tensor x, Tensor w, Tensor bias) {
    Shapes.matrix("linear", "input", x);
    Shapes.matrix("linear", "weight", w);
    Shapes.equal("linear", "columns of the input for weight " + w, w.cols(), x.cols());
    Tensor y = tape.scope().empty(DType.F32, x.rows(), w.rows());
    if (!tape.isTraining()
        && w.dtype() == DType.PACKED
        && w.packing() instanceof InferencePacking own) {
      own.product(x, y, tape.usesRows());
    } else if (tape.usesRows()) {
      tape.backend().matmulRows(x, w, 1, y, false);
    } else {
      tape.backend().matmulNT(x, w, 1, y, false);
    }
    if (bias != null) {
      Shapes.vector("linear", "bias", bias, w.rows());
      tape.backend().addRow(y, bias);
    }
    return y;
  }

  /** dx = dy W. */
  static void inputGradient(Tape tape, Tensor dy, Tensor x, Tensor w) {
    if (x.needsGrad()) {
      Tape.Target dx = tape.target(x);
      tape.backend().matmulNN(dy, w, 1, dx.tensor(), dx.accumulate()); // (M,N)(N,K)
    }
  }

  /** dW = dy^T x, db = sum of the rows of dy. */
  static void weightGradient(Tape tape, Tensor dy, Tensor x, Tensor w, Tensor bias) {
    if (w.needsGrad()) {
      Tape.Target dw = tape.target(w);
      tape.backend().matmulTN(dy, x, 1, dw.tensor(), dw.accumulate()); // (M,N)^T(M,K)
    }
    if (bias != null && bias.needsGrad()) {
      Tape.Target db = tape.target(bias);
      tape.backend().sumRows(dy, db.tensor(), db.accumulate());
    }
  }
}
