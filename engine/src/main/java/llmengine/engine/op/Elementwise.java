package llmengine.engine.op;

import llmengine.engine.Activation;
import llmengine.engine.DType;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;

/** Ops that treat each element alone. */
public final class Elementwise {
  private Elementwise() {}

  /** a + b, equal shapes (M, N). */
  public static Tensor add(Tape tape, Tensor a, Tensor b) {
    Shapes.same("add", a, b);
    Tensor out = tape.scope().empty(DType.F32, a.shape().dims());
    tape.backend().add(a, b, out);
    return tape.record(
        "add",
        out,
        dy -> {
          pass(tape, dy, 1, a);
          pass(tape, dy, 1, b);
        },
        a,
        b);
  }

  /** alpha * x. */
  public static Tensor scale(Tape tape, Tensor x, float alpha) {
    Tensor out = tape.scope().empty(DType.F32, x.shape().dims());
    tape.backend().scale(x, alpha, out, false);
    return tape.record("scale", out, dy -> pass(tape, dy, alpha, x), x);
  }

  /** f(x). */
  public static Tensor activation(Tape tape, Activation f, Tensor x) {
    Tensor out = tape.scope().empty(DType.F32, x.shape().dims());
    tape.backend().activation(f, x, out);
    return tape.record(
        "activation",
        out,
        dy -> {
          Tape.Target dx = tape.target(x);
          tape.backend().activationBackward(f, x, dy, dx.tensor(), dx.accumulate());
        },
        x);
  }

  /** Inverted dropout; the identity unless the tape has dropout and p > 0. */
  public static Tensor dropout(Tape tape, Tensor x, float p) {
    if (p <= 0 || tape.rowKeys() == null) {
      return x;
    }
    long key = tape.dropoutKey();
    Tensor rowKeys = tape.rowKeys();
    Tensor out = tape.scope().empty(DType.F32, x.rows(), x.cols());
    tape.backend().dropout(x, p, key, rowKeys, out, false);
    return tape.record(
        "dropout",
        out,
        dy -> {
          Tape.Target dx = tape.target(x);
          tape.backend().dropout(dy, p, key, rowKeys, dx.tensor(), dx.accumulate());
        },
        x);
  }

  private static void pass(Tape tape, Tensor dy, float alpha, Tensor x) {
    if (x.needsGrad()) {
      Tape.Target dx = tape.target(x);
      tape.backend().scale(dy, alpha, dx.tensor(), dx.accumulate());
    }
  }
}
