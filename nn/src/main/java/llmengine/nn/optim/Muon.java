package llmengine.nn.optim;

import java.util.Locale;
import java.util.SequencedMap;
import llmengine.engine.Backend;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.engine.Update;

/**
 * Muon (Jordan et al. 2024): momentum, orthogonalized by five Newton-Schulz steps, as LLaMA-Factory
 * applies it: Nesterov, rate times 0.2 sqrt(max(M, N)), decoupled decay. Embeddings, the output
 * layer and vectors are updated by Adam, whose epsilon here is added before the bias correction,
 * and are decayed too. The iteration runs in float32, where LLaMA-Factory's runs in bfloat16.
 *
 * @param momentum 0.95 in LLaMA-Factory
 */
public record Muon(double momentum, double beta1, double beta2, double epsilon)
    implements ParameterRule {
  private static final int ITERATIONS = 5;
  private static final float A = 3.4445f;
  private static final float B = -4.7750f;
  private static final float C = 2.0315f;

  @Override
  public String name() {
    return "muon";
  }

  private static boolean isOrthogonalized(String name, int[] shape) {
    String lower = name.toLowerCase(Locale.ROOT);
    return shape.length == 2 && !lower.contains("embed") && !lower.contains("lm_head");
  }

  @Override
  public SequencedMap<String, int[]> state(String name, int[] shape) {
    return isOrthogonalized(name, shape)
        ? ParameterRule.alike(shape, "momentum_buffer")
        : ParameterRule.alike(shape, "moment1", "moment2");
  }

  @Override
  public void step(OneStep one, Tensor gradient, float gradScale) {
    Tensor p = one.value();
    Backend backend = p.backend();
    try (Scope scratch = new Scope(backend, "optimizer step")) {
      Tensor update = scratch.empty(gradient.dtype(), gradient.shape().dims());
      double rate;
      if (isOrthogonalized(one.parameter().name(), p.shape().dims())) {
        Tensor buffer = one.state()[0];
        backend.scale(buffer, (float) momentum, buffer, false);
        backend.scale(gradient, gradScale, buffer, true);
        backend.scale(gradient, gradScale, update, false);
        backend.scale(buffer, (float) momentum, update, true);
        orthogonalize(scratch, update);
        rate = one.learningRate() * 0.2 * Math.sqrt(Math.max(p.rows(), p.cols()));
      } else {
        var adam = new Update.AdamDirection(gradScale, beta1, beta2, epsilon);
        backend.update(adam, update, gradient, one.state()[0], one.state()[1]);
        double correction1 = 1 - Math.pow(beta1, one.number());
        double correction2 = Math.sqrt(1 - Math.pow(beta2, one.number()));
        rate = one.learningRate() * correction2 / correction1;
      }
      Adafactor.apply(p, update, rate, one.learningRate() * one.weightDecay());
    }
  }

  /**
   * Singular values of x (M, N) towards 1, in place: x = A x + (B s + C s^2) x with s = x x^T,
   * computed on the smaller side. O(min(M,N)^2 max(M,N)) a step.
   */
  private static void orthogonalize(Scope scratch, Tensor x) {
    Backend backend = x.backend();
    backend.scale(x, (float) (1 / (Math.sqrt(backend.sumOfSquares(x)) + 1e-7)), x, false);
    boolean tall = x.rows() > x.cols();
    int n = Math.min(x.rows(), x.cols());
    Tensor s = scratch.empty(x.dtype(), n, n);
    Tensor polynomial = scratch.empty(x.dtype(), n, n);
    Tensor before = scratch.empty(x.dtype(), x.shape().dims());
    for (int i = 0; i < ITERATIONS; i++) {
      if (tall) {
        backend.matmulTN(x, x, 1, s, false);
      } else {
        backend.matmulNT(x, x, 1, s, false);
      }
      backend.scale(s, B, polynomial, false);
      backend.matmulNN(s, s, C, polynomial, true);
      backend.copy(x, before);
      backend.scale(x, A, x, false);
      if (tall) {
        backend.matmulNN(before, polynomial, 1, x, true);
      } else {
        backend.matmulNN(polynomial, before, 1, x, true);
      }
    }
  }
}
