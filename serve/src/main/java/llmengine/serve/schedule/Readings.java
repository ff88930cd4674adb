package llmengine.serve.schedule;

import llmengine.engine.Tape;
import llmengine.engine.Tensor;
import llmengine.nn.ValueHead;

/** The readings of a text that can be asked for. */
final class Readings {
  private Readings() {}

  /** An embedding of C numbers. */
  static TextJob.Reading<float[]> embedding(
      Representations.Pooling pooling, boolean normalized, int width) {
    boolean mean = pooling == Representations.Pooling.MEAN;
    return new TextJob.Reading<>() {
      private final double[] sum = new double[width];
      private long tokens;

      @Override
      public boolean readsAll() {
        return mean;
      }

      @Override
      public void restart() {
        java.util.Arrays.fill(sum, 0);
        tokens = 0;
      }

      @Override
      public void read(Tape tape, Tensor hidden) {
        if (!mean) {
          restart();
        }
        Tensor rows = mean ? hidden : hidden.rows(hidden.rows() - 1, hidden.rows());
        float[] values = rows.toFloats();
        for (int i = 0; i < values.length; i++) {
          sum[i % width] += values[i];
        }
        tokens += rows.rows();
      }

      @Override
      public float[] result() {
        double squares = 0;
        for (double v : sum) {
          squares += v * v;
        }
        double by = normalized ? Math.sqrt(squares) : tokens;
        float[] out = new float[width];
        for (int i = 0; i < width; i++) {
          out[i] = (float) (by == 0 ? 0 : sum[i] / by);
        }
        return out;
      }
    };
  }

  /** The score of the last token. */
  static TextJob.Reading<Float> score(ValueHead head) {
    return new TextJob.Reading<>() {
      private float score;

      @Override
      public boolean readsAll() {
        return false;
      }

      @Override
      public void restart() {}

      @Override
      public void read(Tape tape, Tensor hidden) {
        score = head.scores(tape, hidden, new int[] {hidden.rows() - 1}).toFloats()[0];
      }

      @Override
      public Float result() {
        return score;
      }
    };
  }
}
