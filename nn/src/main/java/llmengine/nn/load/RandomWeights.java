package llmengine.nn.load;

import java.util.SplittableRandom;
import java.util.random.RandomGenerator;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.nn.WeightSource;

/**
 * Fresh weights for training from scratch: matrices from N(0, initializer_range), norms such that
 * they scale by 1, biases 0. Each tensor's draw depends on the seed and its name only.
 *
 * @param normOffset what the family adds to norm weights
 */
public record RandomWeights(long seed, double standardDeviation, float normOffset)
    implements WeightSource {
  @Override
  public boolean has(String name) {
    return true;
  }

  @Override
  public Tensor load(Scope scope, String name, int... shape) {
    Tensor t = scope.empty(DType.F32, shape);
    if (name.endsWith("norm.weight")) {
      scope.backend().fill(t, 1 - normOffset);
    } else if (name.endsWith(".bias")) {
      scope.backend().fill(t, 0);
    } else {
      RandomGenerator random = new SplittableRandom(seed * 31 + name.hashCode());
      float[] row = new float[t.cols()];
      for (int r = 0; r < t.rows(); r++) {
        for (int c = 0; c < row.length; c++) {
          row[c] = (float) (random.nextGaussian() * standardDeviation);
        }
        t.rows(r, r + 1).set(row);
      }
    }
    return t;
  }
}
