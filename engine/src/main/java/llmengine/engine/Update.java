package llmengine.engine;

/**
 * One element-wise step of an optimizer other than SGD, on gradients scaled by {@code gradScale} (g
 * below). {@link Backend#update} applies it in place to the parameter p and its state.
 */
public sealed interface Update {
  /**
   * AdamW with decoupled decay (Loshchilov and Hutter 2019): p *= 1 - lr * weightDecay; m = b1 m +
   * (1-b1) g; v = b2 v + (1-b2) g^2; p -= lr / (1-b1^t) * m / (sqrt(v) / sqrt(1-b2^t) + eps).
   * State: m and v.
   *
   * @param t number of the update, 1 for the first
   */
  record AdamW(
      float gradScale, double lr, double beta1, double beta2, double eps, double weightDecay, int t)
      implements Update {
    /** lr with the bias correction of m. */
    public double step() {
      return lr / (1 - Math.pow(beta1, t));
    }

    /** What sqrt(v) is divided by: the bias correction of v. */
    public double root() {
      return Math.sqrt(1 - Math.pow(beta2, t));
    }
  }

  /** What the gradient is multiplied by first. */
  float gradScale();

  /**
   * Lion (Chen et al. 2023, "Symbolic discovery of optimization algorithms"): p *= 1 - lr *
   * weightDecay; p -= lr * sign(b1 m + (1-b1) g); m = b2 m + (1-b2) g. State: m.
   */
  record Lion(float gradScale, double lr, double beta1, double beta2, double weightDecay)
      implements Update {}

  /**
   * Adagrad (Duchi et al. 2011): g += weightDecay * p; s += g^2; p -= lr * g / (sqrt(s) + eps).
   * State: s.
   */
  record Adagrad(float gradScale, double lr, double eps, double weightDecay) implements Update {}

  /**
   * RMSprop (Tieleman and Hinton 2012): g += weightDecay * p; v = alpha v + (1-alpha) g^2; p -= lr
   * * g / (sqrt(v) + eps). State: v.
   */
  record RmsProp(float gradScale, double lr, double alpha, double eps, double weightDecay)
      implements Update {}

  /**
   * Adam's direction without bias correction, for optimizers that work on it further: m = b1 m +
   * (1-b1) g; v = b2 v + (1-b2) g^2; p is overwritten by m / (sqrt(v) + eps). State: m and v.
   */
  record AdamDirection(float gradScale, double beta1, double beta2, double eps) implements Update {}
}
