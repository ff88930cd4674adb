package llmengine.nn;

import java.util.List;
import llmengine.engine.Activation;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;
import llmengine.engine.op.Gated;

/**
 * down(f(gate x) * up x): x (M, C) to (M, C) over F channels. {@code inputs} are gate and up or one
 * fused gate_up_proj.
 */
record FeedForward(Activation activation, List<Linear> inputs, Linear down) {
  Tensor forward(Tape tape, Tensor x) {
    return down.forward(tape, gated(tape, x));
  }

  /** What the down projection reads: (M, F). */
  Tensor gated(Tape tape, Tensor x) {
    Tensor gate;
    Tensor up;
    if (inputs.size() == 1) {
      Tensor both = inputs.getFirst().forward(tape, x); // (M, 2 F)
      int half = both.cols() / 2;
      gate = both.columns(0, half);
      up = both.columns(half, 2 * half);
    } else {
      gate = inputs.get(0).forward(tape, x); // (M, F)
      up = inputs.get(1).forward(tape, x);
    }
    return Gated.apply(tape, activation, gate, up);
  }
}
