package llmengine.nn;

import java.util.List;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;
import llmengine.engine.op.Elementwise;

/**
 * Half of a transformer block, in the steps at which a quantizer looks at it: y = x +
 * after(output(inner(before(x)))), where {@code inner} is all from the first projections to what
 * the last one reads.
 */
public final class Sublayer {
  /** From normed inputs (M, C) to what the last projection reads (M, K). */
  @FunctionalInterface
  interface Inner {
    Tensor forward(Tape tape, Tensor x, Batch batch);
  }

  private final RmsNorm before;
  private final RmsNorm after;
  private final List<Linear> inputs;
  private final Linear output;
  private final boolean linear;
  private final Inner inner;

  /**
   * @param after null for none
   * @param linear whether the last K outputs of the last of {@code inputs} each go into one channel
   *     of inner's result, as a factor
   */
  Sublayer(
      RmsNorm before,
      RmsNorm after,
      List<Linear> inputs,
      Linear output,
      boolean linear,
      Inner inner) {
    this.before = before;
    this.after = after;
    this.inputs = inputs;
    this.output = output;
    this.linear = linear;
    this.inner = inner;
  }

  /** The norm whose result {@link #inputs} read. */
  public RmsNorm before() {
    return before;
  }

  /** q, k, v or gate, up; or all of them fused. */
  public List<Linear> inputs() {
    return inputs;
  }

  /** o or down, with K inputs. */
  public Linear output() {
    return output;
  }

  /**
   * Whether a factor on row N - K + i of the last of {@link #inputs}, with N rows, is a factor on
   * channel i of what {@link #output} reads: not where key/value heads are shared.
   */
  public boolean passesFactors() {
    return linear;
  }

  /** x (M, C) to what {@link #inputs} read (M, C). */
  public Tensor normed(Tape tape, Tensor x) {
    return before.forward(tape, x);
  }

  /** From {@link #normed} to what {@link #output} reads (M, K). */
  public Tensor inner(Tape tape, Tensor normed, Batch batch) {
    return inner.forward(tape, normed, batch);
  }

  /** From x and {@link #inner} of it to the half's result (M, C). */
  public Tensor finish(Tape tape, Tensor x, Tensor inner) {
    Tensor y = output.forward(tape, inner);
    return Elementwise.add(tape, x, after == null ? y : after.forward(tape, y));
  }
}
