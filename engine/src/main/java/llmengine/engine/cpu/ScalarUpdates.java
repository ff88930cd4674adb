package llmengine.engine.cpu;

import static llmengine.engine.cpu.HostBackend.element;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import llmengine.engine.EightBitState;
import llmengine.engine.Tensor;
import llmengine.engine.Update;

/** Element-wise optimizer steps and their reductions in double, one element at a time. */
final class ScalarUpdates {
  private ScalarUpdates() {}

  static void update(Update rule, Tensor p, Tensor g, Tensor first, Tensor second) {
    float[] one = new float[4];
    for (int r = 0; r < p.rows(); r++) {
      for (int c = 0; c < p.cols(); c++) {
        one[0] = element(p, r, c);
        one[1] = element(g, r, c);
        one[2] = element(first, r, c);
        one[3] = second == null ? 0 : element(second, r, c);
        step(rule, one);
        element(p, r, c, one[0]);
        element(first, r, c, one[2]);
        if (second != null) {
          element(second, r, c, one[3]);
        }
      }
    }
  }

  static void update(Update rule, Tensor p, Tensor g, EightBitState first, EightBitState second) {
    float[] value = p.toFloats();
    float[] grad = g.toFloats();
    float[] m = decoded(first);
    float[] v = second == null ? null : decoded(second);
    float[] one = new float[4];
    for (int i = 0; i < value.length; i++) {
      one[0] = value[i];
      one[1] = grad[i];
      one[2] = m[i];
      one[3] = v == null ? 0 : v[i];
      step(rule, one);
      value[i] = one[0];
      m[i] = one[2];
      if (v != null) {
        v[i] = one[3];
      }
    }
    p.set(value);
    encode(first, m);
    if (second != null) {
      encode(second, v);
    }
  }

  private static float[] decoded(EightBitState state) {
    byte[] codes = HostBackend.segment(state.codes()).toArray(ValueLayout.JAVA_BYTE);
    int n = Math.toIntExact(state.codes().size());
    float[] scales = state.scales().toFloats();
    float[] values = new float[n];
    for (int block = 0; block < scales.length; block++) {
      int at = block * state.blockSize();
      int count = Math.min(state.blockSize(), n - at);
      state.code().decode(codes, at, count, scales[block], values, at);
    }
    return values;
  }

  private static void encode(EightBitState state, float[] values) {
    byte[] codes = new byte[values.length];
    float[] scales = new float[Math.toIntExact(state.scales().size())];
    for (int block = 0; block < scales.length; block++) {
      int at = block * state.blockSize();
      int count = Math.min(state.blockSize(), values.length - at);
      scales[block] = state.code().encode(values, at, count, state.blockSize(), codes, at);
    }
    state.scales().set(scales);
    MemorySegment.copy(
        codes, 0, HostBackend.segment(state.codes()), ValueLayout.JAVA_BYTE, 0, codes.length);
  }

  /** One element: parameter, gradient, first and second state. */
  private static void step(Update rule, float[] one) {
    double value = one[0];
    double grad = rule.gradScale() * (double) one[1];
    double state = one[2];
    switch (rule) {
      case Update.AdamW u -> {
        double m = u.beta1() * state + (1 - u.beta1()) * grad;
        double v = u.beta2() * one[3] + (1 - u.beta2()) * grad * grad;
        double decayed = value * (1 - u.lr() * u.weightDecay());
        one[0] = (float) (decayed - u.step() * m / (Math.sqrt(v) / u.root() + u.eps()));
        one[2] = (float) m;
        one[3] = (float) v;
      }
      case Update.Lion u -> {
        double mixed = u.beta1() * state + (1 - u.beta1()) * grad;
        double decayed = value * (1 - u.lr() * u.weightDecay());
        one[0] = (float) (decayed - u.lr() * Math.signum(mixed));
        one[2] = (float) (u.beta2() * state + (1 - u.beta2()) * grad);
      }
      case Update.Adagrad u -> {
        grad += u.weightDecay() * value;
        double sum = state + grad * grad;
        one[0] = (float) (value - u.lr() * grad / (Math.sqrt(sum) + u.eps()));
        one[2] = (float) sum;
      }
      case Update.RmsProp u -> {
        grad += u.weightDecay() * value;
        double mean = u.alpha() * state + (1 - u.alpha()) * grad * grad;
        one[0] = (float) (value - u.lr() * grad / (Math.sqrt(mean) + u.eps()));
        one[2] = (float) mean;
      }
      case Update.AdamDirection u -> {
        double m = u.beta1() * state + (1 - u.beta1()) * grad;
        double v = u.beta2() * one[3] + (1 - u.beta2()) * grad * grad;
        one[0] = (float) (m / (Math.sqrt(v) + u.eps()));
        one[2] = (float) m;
        one[3] = (float) v;
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
