package llmengine.engine.op;

import llmengine.engine.Activation;
import llmengine.engine.DType;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;

/**
 * f(gate) * up: SwiGLU with SILU, GeGLU with GELU (Shazeer 2020, "GLU variants improve
 * transformer").
 */
public final class Gated {
  private Gated() {}

  /**
   * @param gate (M, F)
   * @param up (M, F)
   * @return (M, F)
   */
  public static Tensor apply(Tape tape, Activation f, Tensor gate, Tensor up) {
    Shapes.same("gated", gate, up);
    Tensor out = tape.scope().empty(DType.F32, gate.rows(), gate.cols());
    tape.backend().gated(f, gate, up, out);
    return tape.record(
        "gated",
        out,
        dy -> {
          Tape.Target dgate = tape.targetOrNull(gate);
          Tape.Target dup = tape.targetOrNull(up);
          tape.backend()
              .gatedBackward(
                  f,
                  gate,
                  up,
                  dy,
                  dgate.tensor(),
                  dgate.accumulate(),
                  dup.tensor(),
                  dup.accumulate());
        },
        gate,
        up);
  }
}
