package llmengine.engine.op;

import llmengine.engine.DType;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;

/**
 * Rotary position embedding (Su et al. 2021, "RoFormer", section 3.2), pairs in halves as Hugging
 * Face stores them.
 */
public final class Rope {
  private Rope() {}

  /**
   * @param x (M, H*D): H heads side by side
   * @param positions (M) I32, each below P
   * @param cos (P, R/2) and sin (P, R/2): R rotated channels of each head's D
   * @return (M, H*D)
   */
  public static Tensor apply(
      Tape tape, Tensor x, Tensor positions, Tensor cos, Tensor sin, int headDim) {
    Shapes.matrix("rope", "input", x);
    Shapes.ids("rope", "positions", positions, x.rows());
    Shapes.equal("rope", "columns beyond whole heads of width " + headDim, 0, x.cols() % headDim);
    Shapes.same("rope", cos, sin);
    Tensor y = tape.scope().empty(DType.F32, x.rows(), x.cols());
    tape.backend().rope(x, positions, cos, sin, headDim, false, y, false);
    return tape.record(
        "rope",
        y,
        dy -> {
          Tape.Target dx = tape.target(x);
          tape.backend().rope(dy, positions, cos, sin, headDim, true, dx.tensor(), dx.accumulate());
        },
        x);
  }
}
