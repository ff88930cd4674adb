package llmengine.peft;

import java.util.SplittableRandom;
import java.util.random.RandomGenerator;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.nn.Parameter;

/**
 * Start of a new adapter as PEFT's: A uniform in +-1/sqrt(K), which is Kaiming's uniform with a =
 * sqrt(5), and B zero; of the token table A zero and B normal; OFT's triangles zero.
 */
record FreshAdapter(long seed) implements AdapterWeights {
  @Override
  public boolean isStart() {
    return true;
  }

  @Override
  public void fill(String name, Tensor to) {
    if (name.endsWith(".oft_R.weight")) {
      to.backend().fill(to, 0); // turns nothing yet
      return;
    }
    boolean table = name.contains(".lora_embedding_");
    boolean first = name.endsWith("_A") || name.endsWith("_A.weight");
    if (table == first) {
      to.backend().fill(to, 0);
      return;
    }
    RandomGenerator random = new SplittableRandom(seed * 31 + name.hashCode());
    double bound = 1 / Math.sqrt(to.cols());
    float[] row = new float[to.cols()];
    for (int r = 0; r < to.rows(); r++) {
      for (int c = 0; c < row.length; c++) {
        row[c] = (float) (table ? random.nextGaussian() : random.nextDouble(-bound, bound));
      }
      to.rows(r, r + 1).set(row);
    }
  }

  @Override
  public void saved(Parameter parameter, Tensor to) {} // starts as the model's value

  @Override
  public void base(String module, Parameter weight, Scope scope) {} // stays the model's
}
