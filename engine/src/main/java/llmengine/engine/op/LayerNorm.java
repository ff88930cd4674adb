package llmengine.engine.op;

import llmengine.engine.DType;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;

/** y = (x - mean) / sqrt(var + eps) * w + b (Ba et al. 2016). */
public final class LayerNorm {
  private LayerNorm() {}

  /**
   * @param x (M, C)
   * @param w (C), b (C) or null; float32
   * @return (M, C)
   */
  public static Tensor apply(Tape tape, Tensor x, Tensor w, Tensor b, float eps) {
    Shapes.matrix("layer_norm", "input", x);
    Shapes.vector("layer_norm", "weight", w, x.cols());
    Shapes.f32("layer_norm", "weight", w);
    if (b != null) {
      Shapes.vector("layer_norm", "bias", b, x.cols());
    }
    Tensor y = tape.scope().empty(DType.F32, x.rows(), x.cols());
    Tensor mean = tape.scope().empty(DType.F32, x.rows());
    Tensor rstd = tape.scope().empty(DType.F32, x.rows());
    tape.backend().layerNorm(x, w, b, eps, y, mean, rstd);
    return tape.record(
        "layer_norm",
        y,
        dy -> {
          Tape.Target dx = tape.targetOrNull(x);
          Tape.Target dw = tape.targetOrNull(w);
          Tape.Target db = tape.targetOrNull(b);
          // one flag for both in the kernel: a new gradient beside an older one starts at zero
          boolean accumulate = dw.accumulate() || db.accumulate();
          clearIfNew(tape, dw, accumulate);
          clearIfNew(tape, db, accumulate);
          tape.backend()
              .layerNormBackward(
                  dy,
                  x,
                  w,
                  mean,
                  rstd,
                  dx.tensor(),
                  dx.accumulate(),
                  dw.tensor(),
                  db.tensor(),
                  accumulate);
        },
        x,
        w,
        b);
  }

  private static void clearIfNew(Tape tape, Tape.Target target, boolean accumulate) {
    if (accumulate && target.tensor() != null && !target.accumulate()) {
      tape.backend().fill(target.tensor(), 0);
    }
  }
}
