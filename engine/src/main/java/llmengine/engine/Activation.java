package llmengine.engine;

/** Element-wise functions between the matrices of a feed-forward block. */
public enum Activation {
  /** x * sigmoid(x). */
  SILU,
  /** x * Phi(x), by the error function. */
  GELU,
  /** 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))). */
  GELU_TANH,
  RELU
}
