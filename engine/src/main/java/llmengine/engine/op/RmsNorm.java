package llmengine.engine.op;

import llmengine.engine.DType;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;

/**
 * y = x / sqrt(mean(x^2) + eps) * (w + offset) (Zhang and Sennrich 2019); offset is 1 in the Gemma
 * family, else 0.
 */
public final class RmsNorm {
  private RmsNorm() {}

  /**
   * @param x (M, C)
   * @param w (C) float32
   * @return (M, C)
   */
  public static Tensor apply(Tape tape, Tensor x, Tensor w, float offset, float eps) {
    Shapes.matrix("rms_norm", "input", x);
    Shapes.vector("rms_norm", "weight", w, x.cols());
    Shapes.f32("rms_norm", "weight", w);
    Tensor y = tape.scope().empty(DType.F32, x.rows(), x.cols());
    Tensor rstd = tape.scope().empty(DType.F32, x.rows());
    tape.backend().rmsNorm(x, w, offset, eps, y, rstd);
    return tape.record(
        "rms_norm",
        y,
        dy -> {
          Tape.Target dx = tape.targetOrNull(x);
          Tape.Target dw = tape.targetOrNull(w);
          tape.backend()
              .rmsNormBackward(
                  dy,
                  x,
                  w,
                  offset,
                  rstd,
                  dx.tensor(),
                  dx.accumulate(),
                  dw.tensor(),
                  dw.accumulate());
        },
        x,
        w);
  }
}
