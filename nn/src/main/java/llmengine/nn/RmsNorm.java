package llmengine.nn;

import llmengine.engine.Tape;
import llmengine.engine.Tensor;

/**
 * Root-mean-square norm: y = x / sqrt(mean(x^2) + eps) * (w + offset). Input and output (M, C);
 * offset is 1 in the Gemma family, else 0.
 */
public record RmsNorm(Parameter weight, float offset, float eps) {
  public Tensor forward(Tape tape, Tensor x) {
    return llmengine.engine.op.RmsNorm.apply(tape, x, weight.value(), offset, eps);
  }

  /** Normalises each head of x (M, H*D) by itself, with a weight of D. */
  public Tensor perHead(Tape tape, Tensor x) {
    int headDim = weight.value().cols();
    Tensor heads = x.reshape(x.rows() * (x.cols() / headDim), headDim);
    return forward(tape, heads).reshape(x.rows(), x.cols());
  }
}
