package llmengine.train.model;

import java.util.Map;
import java.util.SplittableRandom;
import llmengine.engine.Backend;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.nn.load.GrownVocabulary;

/**
 * Rows of new tokens as LLaMA-Factory starts them: the mean of all known rows and normal noise of
 * deviation 1 / sqrt(C); a token with a description starts as the mean of the rows of the
 * description's known tokens, each matrix by its own rows.
 *
 * @param descriptions ids of the description by the id of the new token
 * @param noise whether described tokens get noise as well
 * @param seed of the noise, with the weight's name
 */
record NewTokenRows(Map<Integer, int[]> descriptions, boolean noise, long seed)
    implements GrownVocabulary.NewRows {
  private static final int ROWS = 1024;

  @Override
  public void fill(String name, Tensor known, Tensor added) {
    int width = added.cols();
    float[] mean = mean(known);
    SplittableRandom random = new SplittableRandom(seed * 31 + name.hashCode());
    double deviation = 1 / Math.sqrt(width);
    for (int i = 0; i < added.rows(); i++) {
      int[] description = descriptions.get(known.rows() + i);
      float[] row = description == null ? mean.clone() : mean(known, description, mean);
      for (int c = 0; c < width; c++) {
        double normal = random.nextGaussian(); // drawn in any case: rows don't depend on others
        row[c] += description == null || noise ? (float) (deviation * normal) : 0;
      }
      added.rows(i, i + 1).set(row);
    }
  }

  private static float[] mean(Tensor rows) {
    Backend backend = rows.backend();
    try (Scope scratch = new Scope(backend, "new tokens")) {
      Tensor part = scratch.empty(DType.F32, ROWS, rows.cols());
      Tensor sum = scratch.empty(DType.F32, rows.cols());
      for (int from = 0; from < rows.rows(); from += ROWS) {
        int to = Math.min(rows.rows(), from + ROWS);
        backend.copy(rows.rows(from, to), part.rows(0, to - from));
        backend.sumRows(part.rows(0, to - from), sum, from > 0);
      }
      backend.scale(sum, 1f / rows.rows(), sum, false);
      return sum.toFloats();
    }
  }

  /** Mean of the rows of these ids; of those that are new there is none yet. */
  private static float[] mean(Tensor known, int[] ids, float[] otherwise) {
    float[] sum = new float[known.cols()];
    int count = 0;
    try (Scope scratch = new Scope(known.backend(), "new tokens")) {
      Tensor wide = scratch.empty(DType.F32, 1, known.cols());
      for (int id : ids) {
        if (id < known.rows()) {
          known.backend().copy(known.rows(id, id + 1), wide);
          float[] row = wide.toFloats();
          for (int c = 0; c < sum.length; c++) {
            sum[c] += row[c];
          }
          count++;
        }
      }
    }
    for (int c = 0; c < sum.length && count > 0; c++) {
      sum[c] /= count;
    }
    return count == 0 ? otherwise.clone() : sum;
  }
}
