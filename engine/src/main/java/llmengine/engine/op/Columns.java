package llmengine.engine.op;

import java.util.List;
import llmengine.engine.DType;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;

/** Matrices side by side. */
public final class Columns {
  private Columns() {}

  /**
   * @param parts each (M, Ci)
   * @return (M, sum of Ci)
   */
  public static Tensor beside(Tape tape, List<Tensor> parts) {
    int width = 0;
    for (Tensor part : parts) {
      Shapes.equal("columns", "rows", parts.getFirst().rows(), part.rows());
      width += part.cols();
    }
    Tensor out = tape.scope().empty(DType.F32, parts.getFirst().rows(), width);
    int at = 0;
    for (Tensor part : parts) {
      tape.backend().copy(part, out.columns(at, at + part.cols()));
      at += part.cols();
    }
    return tape.record(
        "columns",
        out,
        dout -> {
          int from = 0;
          for (Tensor part : parts) {
            if (part.needsGrad()) {
              Tape.Target to = tape.target(part);
              Tensor gradient = dout.columns(from, from + part.cols());
              tape.backend().scale(gradient, 1, to.tensor(), to.accumulate());
            }
            from += part.cols();
          }
        },
        parts.toArray(Tensor[]::new));
  }
}
