package llmengine.nn.optim;

import java.util.Arrays;
import java.util.Locale;
import java.util.SequencedMap;
import llmengine.engine.Backend;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.engine.Update;

/**
 * Adam-mini (Zhang et al. 2024, "Use fewer learning rates to gain more"): one second moment per
 * head of query and key projections, per output row of other matrices and per vector; biases keep
 * Adam's. Norms and biases are not decayed.
 *
 * @param headDim rows of a query or key projection that share a moment
 */
public record AdamMini(double beta1, double beta2, double epsilon, int headDim)
    implements ParameterRule {
  @Override
  public String name() {
    return "adam_mini";
  }

  private static boolean isWhole(String name) {
    return name.toLowerCase(Locale.ROOT).contains("bias");
  }

  /** Number of blocks that share a second moment. */
  private int blocks(String name, int[] shape) {
    if (shape.length != 2) {
      return 1;
    }
    boolean heads = name.contains("q_proj") || name.contains("k_proj");
    return heads && shape[0] % headDim == 0 ? shape[0] / headDim : shape[0];
  }

  @Override
  public SequencedMap<String, int[]> state(String name, int[] shape) {
    SequencedMap<String, int[]> shapes = ParameterRule.alike(shape, "exp_avg");
    shapes.put("exp_avg_sq", isWhole(name) ? shape : new int[] {blocks(name, shape)});
    return shapes;
  }

  @Override
  public void step(OneStep one, Tensor gradient, float gradScale) {
    Tensor p = one.value();
    Backend backend = p.backend();
    Tensor mean = one.state()[0];
    Tensor squares = one.state()[1];
    String name = one.parameter().name().toLowerCase(Locale.ROOT);
    boolean decayed = !(name.contains("norm") || name.contains("ln") || name.contains("bias"));
    double decay = decayed ? one.learningRate() * one.weightDecay() : 0;
    double correction1 = 1 - Math.pow(beta1, one.number());
    double correction2 = Math.sqrt(1 - Math.pow(beta2, one.number()));
    try (Scope scratch = new Scope(backend, "optimizer step")) {
      if (isWhole(one.parameter().name())) {
        var adam = new Update.AdamDirection(gradScale, beta1, beta2, epsilon * correction2);
        Tensor update = scratch.empty(p.dtype(), p.shape().dims());
        backend.update(adam, update, gradient, mean, squares);
        double rate = one.learningRate() * correction2 / correction1;
        Adafactor.apply(p, update, rate, decay);
        return;
      }
      backend.scale(mean, (float) beta1, mean, false);
      backend.scale(gradient, (float) ((1 - beta1) * gradScale), mean, true);
      int blocks = blocks(one.parameter().name(), p.shape().dims());
      int width = Math.toIntExact(p.size() / blocks);
      float[] sums = sumsOfSquares(scratch, gradient);
      int perBlock = sums.length / blocks;
      float[] v = squares.toFloats();
      float[] rates = new float[sums.length];
      for (int b = 0; b < blocks; b++) {
        double sum = 0;
        for (int i = 0; i < perBlock; i++) {
          sum += sums[b * perBlock + i];
        }
        double now = (double) gradScale * gradScale * sum / width;
        v[b] = (float) (beta2 * v[b] + (1 - beta2) * now);
        double rate = -one.learningRate() / correction1;
        float factor = (float) (rate / (Math.sqrt(v[b]) / correction2 + epsilon));
        Arrays.fill(rates, b * perBlock, (b + 1) * perBlock, factor);
      }
      squares.set(v);
      if (decay != 0) {
        backend.scale(p, (float) (1 - decay), p, false);
      }
      backend.scaleBy(mean, scratch.of(rates, rates.length), null, p, true);
    }
  }

  /** Of each row; a vector is one row. */
  private static float[] sumsOfSquares(Scope scratch, Tensor g) {
    Tensor sums = scratch.empty(g.dtype(), g.rows());
    g.backend().rowSquares(g, sums);
    return sums.toFloats();
  }
}
