package llmengine.engine.cpu;

import static llmengine.engine.cpu.HostBackend.element;

import llmengine.engine.Tensor;
import llmengine.engine.Update;

/** Element-wise optimizer steps and their reductions in double, one element at a time. */
final class ScalarUpdates {
  private ScalarUpdates() {}

  static void update(Update rule, Tensor p, Tensor g, Tensor first, Tensor second) {
    for (int r = 0; r < p.rows(); r++) {
      for (int c = 0; c < p.cols(); c++) {
        double grad = rule.gradScale() * (double) element(g, r, c);
        double value = element(p, r, c);
        double state = element(first, r, c);
        switch (rule) {
          case Update.Lion u -> {
            double mixed = u.beta1() * state + (1 - u.beta1()) * grad;
            element(first, r, c, (float) (u.beta2() * state + (1 - u.beta2()) * grad));
            double decayed = value * (1 - u.lr() * u.weightDecay());
            element(p, r, c, (float) (decayed - u.lr() * Math.signum(mixed)));
          }
          case Update.Adagrad u -> {
            grad += u.weightDecay() * value;
            double sum = state + grad * grad;
            element(first, r, c, (float) sum);
            element(p, r, c, (float) (value - u.lr() * grad / (Math.sqrt(sum) + u.eps())));
          }
          case Update.RmsProp u -> {
            grad += u.weightDecay() * value;
            double mean = u.alpha() * state + (1 - u.alpha()) * grad * grad;
            element(first, r, c, (float) mean);
            element(p, r, c, (float) (value - u.lr() * grad / (Math.sqrt(mean) + u.eps())));
          }
          case Update.AdamDirection u -> {
            double m = u.beta1() * state + (1 - u.beta1()) * grad;
            double v = u.beta2() * element(second, r, c) + (1 - u.beta2()) * grad * grad;
            element(first, r, c, (float) m);
            element(second, r, c, (float) v);
            element(p, r, c, (float) (m / (Math.sqrt(v) + u.eps())));
          }
        }
      }
    }
  }

  static void rowSquares(Tensor x, Tensor out) {
    for (int r = 0; r < x.rows(); r++) {
      double sum = 0;
      for (int c = 0; c < x.cols(); c++) {
        sum += (double) element(x, r, c) * element(x, r, c);
      }
      element(out, 0, r, (float) sum);
    }
  }

  static void columnSquares(Tensor x, Tensor out) {
    for (int c = 0; c < x.cols(); c++) {
      double sum = 0;
      for (int r = 0; r < x.rows(); r++) {
        sum += (double) element(x, r, c) * element(x, r, c);
      }
      element(out, 0, c, (float) sum);
    }
  }

  static void scaleBy(Tensor x, Tensor rows, Tensor columns, Tensor out, boolean accumulate) {
    for (int r = 0; r < x.rows(); r++) {
      double row = rows == null ? 1 : element(rows, 0, r);
      for (int c = 0; c < x.cols(); c++) {
        double value = element(x, r, c) * row * (columns == null ? 1 : element(columns, 0, c));
        element(out, r, c, (float) (accumulate ? element(out, r, c) + value : value));
      }
    }
  }
}
