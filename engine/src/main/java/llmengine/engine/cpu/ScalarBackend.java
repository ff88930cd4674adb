package llmengine.engine.cpu;

import java.util.function.DoubleBinaryOperator;
import java.util.function.DoubleUnaryOperator;
import llmengine.engine.Activation;
import llmengine.engine.AttentionShape;
import llmengine.engine.DType;
import llmengine.engine.EightBitState;
import llmengine.engine.Segments;
import llmengine.engine.Tensor;
import llmengine.engine.Update;

/**
 * The readable reference: one thread, plain loops, every sum in double. What another backend
 * computes is compared with this.
 */
public final class ScalarBackend extends HostBackend {
  @Override
  public String name() {
    return "scalar";
  }

  private static void store(Tensor out, int r, int c, double value, boolean accumulate) {
    element(out, r, c, (float) (accumulate ? element(out, r, c) + value : value));
  }

  private interface At {
    double get(int i, int k);
  }

  private static void product(int inner, At a, At b, float alpha, Tensor c, boolean accumulate) {
    for (int i = 0; i < c.rows(); i++) {
      for (int j = 0; j < c.cols(); j++) {
        double sum = 0;
        for (int k = 0; k < inner; k++) {
          sum += a.get(i, k) * b.get(k, j);
        }
        store(c, i, j, alpha * sum, accumulate);
      }
    }
  }

  /** Elements of a weight; a packed one is decoded as a whole, once. */
  private static At weight(Tensor b) {
    if (b.dtype() != DType.PACKED) {
      return (i, k) -> element(b, i, k);
    }
    float[] values = b.toFloats();
    int cols = b.cols();
    return (i, k) -> values[i * cols + k];
  }

  @Override
  public void matmulNT(Tensor a, Tensor b, float alpha, Tensor c, boolean accumulate) {
    At w = weight(b);
    product(a.cols(), (i, k) -> element(a, i, k), (k, j) -> w.get(j, k), alpha, c, accumulate);
  }

  @Override
  public void matmulNN(Tensor a, Tensor b, float alpha, Tensor c, boolean accumulate) {
    product(a.cols(), (i, k) -> element(a, i, k), weight(b), alpha, c, accumulate);
  }

  @Override
  public void matmulTN(Tensor a, Tensor b, float alpha, Tensor c, boolean accumulate) {
    product(a.rows(), (i, k) -> element(a, k, i), (k, j) -> element(b, k, j), alpha, c, accumulate);
  }

  @Override
  public void matmulRows(Tensor a, Tensor b, float alpha, Tensor c, boolean accumulate) {
    matmulNT(a, b, alpha, c, accumulate);
  }

  private static void map(Tensor a, Tensor out, boolean accumulate, DoubleUnaryOperator f) {
    for (int r = 0; r < out.rows(); r++) {
      for (int c = 0; c < out.cols(); c++) {
        store(out, r, c, f.applyAsDouble(element(a, r, c)), accumulate);
      }
    }
  }

  private static void map(
      Tensor a, Tensor b, Tensor out, boolean accumulate, DoubleBinaryOperator f) {
    for (int r = 0; r < out.rows(); r++) {
      for (int c = 0; c < out.cols(); c++) {
        store(out, r, c, f.applyAsDouble(element(a, r, c), element(b, r, c)), accumulate);
      }
    }
  }

  @Override
  public void add(Tensor a, Tensor b, Tensor out) {
    map(a, b, out, false, Double::sum);
  }

  @Override
  public void scale(Tensor x, float alpha, Tensor out, boolean accumulate) {
    map(x, out, accumulate, v -> alpha * v);
  }

  @Override
  public void multiply(Tensor a, Tensor b, Tensor out, boolean accumulate) {
    map(a, b, out, accumulate, (x, y) -> x * y);
  }

  @Override
  public void addRow(Tensor x, Tensor bias) {
    for (int r = 0; r < x.rows(); r++) {
      for (int c = 0; c < x.cols(); c++) {
        element(x, r, c, element(x, r, c) + element(bias, 0, c));
      }
    }
  }

  @Override
  public void multiplyRow(Tensor x, Tensor row, Tensor out, boolean accumulate) {
    for (int r = 0; r < x.rows(); r++) {
      for (int c = 0; c < x.cols(); c++) {
        store(out, r, c, element(x, r, c) * element(row, 0, c), accumulate);
      }
    }
  }

  @Override
  public void sumRows(Tensor x, Tensor out, boolean accumulate) {
    for (int c = 0; c < x.cols(); c++) {
      double sum = 0;
      for (int r = 0; r < x.rows(); r++) {
        sum += element(x, r, c);
      }
      store(out, 0, c, sum, accumulate);
    }
  }

  private static double f(Activation f, double x) {
    return switch (f) {
      case SILU -> x / (1 + Math.exp(-x));
      case GELU -> 0.5 * x * (1 + Erf.of(x / Math.sqrt(2)));
      case GELU_TANH ->
          0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
      case RELU -> x > 0 ? x : Double.isNaN(x) ? x : 0;
    };
  }

  private static double df(Activation f, double x) {
    return switch (f) {
      case SILU -> {
        double s = 1 / (1 + Math.exp(-x));
        yield s * (1 + x * (1 - s));
      }
      case GELU ->
          0.5 * (1 + Erf.of(x / Math.sqrt(2))) + x * Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
      case GELU_TANH -> {
        double c = Math.sqrt(2 / Math.PI);
        double t = Math.tanh(c * (x + 0.044715 * x * x * x));
        double sech = 1 - t * t; // 0 far out, where x may be infinite
        double tail = sech == 0 ? 0 : 0.5 * x * sech * c * (1 + 3 * 0.044715 * x * x);
        yield 0.5 * (1 + t) + tail;
      }
      case RELU -> x > 0 ? 1 : Double.isNaN(x) ? x : 0;
    };
  }

  @Override
  public void activation(Activation f, Tensor x, Tensor out) {
    map(x, out, false, v -> f(f, v));
  }

  @Override
  public void activationBackward(Activation f, Tensor x, Tensor dy, Tensor dx, boolean accumulate) {
    map(x, dy, dx, accumulate, (v, g) -> df(f, v) * g);
  }

  @Override
  public void gated(Activation f, Tensor gate, Tensor up, Tensor out) {
    map(gate, up, out, false, (g, u) -> f(f, g) * u);
  }

  @Override
  public void gatedBackward(
      Activation f,
      Tensor gate,
      Tensor up,
      Tensor dy,
      Tensor dgate,
      boolean accumulateGate,
      Tensor dup,
      boolean accumulateUp) {
    for (int r = 0; r < dy.rows(); r++) {
      for (int c = 0; c < dy.cols(); c++) {
        double g = element(gate, r, c);
        double d = element(dy, r, c);
        if (dgate != null) {
          store(dgate, r, c, df(f, g) * element(up, r, c) * d, accumulateGate);
        }
        if (dup != null) {
          store(dup, r, c, f(f, g) * d, accumulateUp);
        }
      }
    }
  }

  @Override
  public void softcap(Tensor x, float cap) {
    map(x, x, false, v -> cap * Math.tanh(v / cap));
  }

  @Override
  public void dropout(Tensor x, float p, long key, Tensor rowKeys, Tensor out, boolean accumulate) {
    float keep = 1 / (1 - p);
    int threshold = DropoutHash.threshold(p);
    for (int r = 0; r < x.rows(); r++) {
      int row = segment(rowKeys).get(INT, rowKeys.offset() + 4L * r);
      for (int c = 0; c < x.cols(); c++) {
        boolean kept = DropoutHash.keeps(key, row, c, threshold);
        store(out, r, c, kept ? element(x, r, c) * keep : 0, accumulate);
      }
    }
  }

  @Override
  public void addNoise(Tensor x, float magnitude, long key, Tensor rowKeys) {
    for (int r = 0; r < x.rows(); r++) {
      int row = segment(rowKeys).get(INT, rowKeys.offset() + 4L * r);
      for (int c = 0; c < x.cols(); c++) {
        double u = DropoutHash.hash(DropoutHash.rowSeed(key, row), c) * 0x1p-31;
        element(x, r, c, (float) (element(x, r, c) + magnitude * u));
      }
    }
  }

  @Override
  public void rmsNorm(Tensor x, Tensor w, float offset, float eps, Tensor out, Tensor rstd) {
    for (int r = 0; r < x.rows(); r++) {
      double sum = 0;
      for (int c = 0; c < x.cols(); c++) {
        sum += Math.pow(element(x, r, c), 2);
      }
      double inverse = 1 / Math.sqrt(sum / x.cols() + eps);
      element(rstd, 0, r, (float) inverse);
      for (int c = 0; c < x.cols(); c++) {
        element(out, r, c, (float) (element(x, r, c) * inverse * (element(w, 0, c) + offset)));
      }
    }
  }

  @Override
  public void rmsNormBackward(
      Tensor dy,
      Tensor x,
      Tensor w,
      float offset,
      Tensor rstd,
      Tensor dx,
      boolean accumulateX,
      Tensor dw,
      boolean accumulateW) {
    int n = x.cols();
    double[] sums = new double[n];
    for (int r = 0; r < x.rows(); r++) {
      double s = element(rstd, 0, r);
      double dot = 0;
      for (int c = 0; c < n; c++) {
        dot += element(dy, r, c) * (element(w, 0, c) + offset) * element(x, r, c);
        sums[c] += element(dy, r, c) * element(x, r, c) * s;
      }
      for (int c = 0; dx != null && c < n; c++) {
        double direct = element(dy, r, c) * (element(w, 0, c) + offset) * s;
        store(dx, r, c, direct - element(x, r, c) * s * s * s * dot / n, accumulateX);
      }
    }
    for (int c = 0; dw != null && c < n; c++) {
      store(dw, 0, c, sums[c], accumulateW);
    }
  }

  @Override
  public void layerNorm(
      Tensor x, Tensor w, Tensor b, float eps, Tensor out, Tensor mean, Tensor rstd) {
    int n = x.cols();
    for (int r = 0; r < x.rows(); r++) {
      double sum = 0;
      for (int c = 0; c < n; c++) {
        sum += element(x, r, c);
      }
      double mu = sum / n;
      double variance = 0;
      for (int c = 0; c < n; c++) {
        variance += Math.pow(element(x, r, c) - mu, 2) / n;
      }
      double inverse = 1 / Math.sqrt(variance + eps);
      element(mean, 0, r, (float) mu);
      element(rstd, 0, r, (float) inverse);
      for (int c = 0; c < n; c++) {
        double y = (element(x, r, c) - mu) * inverse * element(w, 0, c);
        element(out, r, c, (float) (b == null ? y : y + element(b, 0, c)));
      }
    }
  }

  @Override
  public void layerNormBackward(
      Tensor dy,
      Tensor x,
      Tensor w,
      Tensor mean,
      Tensor rstd,
      Tensor dx,
      boolean accumulateX,
      Tensor dw,
      Tensor db,
      boolean accumulateW) {
    int n = x.cols();
    double[] weights = new double[n];
    double[] biases = new double[n];
    for (int r = 0; r < x.rows(); r++) {
      double s = element(rstd, 0, r);
      double mu = element(mean, 0, r);
      double sum = 0;
      double dot = 0;
      for (int c = 0; c < n; c++) {
        double g = element(dy, r, c) * (double) element(w, 0, c);
        double normal = (element(x, r, c) - mu) * s;
        sum += g;
        dot += g * normal;
        weights[c] += element(dy, r, c) * normal;
        biases[c] += element(dy, r, c);
      }
      for (int c = 0; dx != null && c < n; c++) {
        double g = element(dy, r, c) * (double) element(w, 0, c);
        double normal = (element(x, r, c) - mu) * s;
        store(dx, r, c, s * (g - sum / n - normal * dot / n), accumulateX);
      }
    }
    for (int c = 0; c < n; c++) {
      if (dw != null) {
        store(dw, 0, c, weights[c], accumulateW);
      }
      if (db != null) {
        store(db, 0, c, biases[c], accumulateW);
      }
    }
  }

  @Override
  public void rope(
      Tensor x,
      Tensor positions,
      Tensor cos,
      Tensor sin,
      int headDim,
      boolean inverse,
      Tensor out,
      boolean accumulate) {
    int half = cos.cols();
    for (int r = 0; r < x.rows(); r++) {
      int position = segment(positions).get(INT, positions.offset() + 4L * r);
      for (int head = 0; head < x.cols(); head += headDim) {
        for (int i = 0; i < half; i++) {
          double cosine = element(cos, position, i);
          double sine = inverse ? -element(sin, position, i) : element(sin, position, i);
          double a = element(x, r, head + i);
          double b = element(x, r, head + half + i);
          store(out, r, head + i, a * cosine - b * sine, accumulate);
          store(out, r, head + half + i, b * cosine + a * sine, accumulate);
        }
        for (int i = 2 * half; i < headDim; i++) {
          store(out, r, head + i, element(x, r, head + i), accumulate);
        }
      }
    }
  }

  @Override
  public void attention(
      Tensor q,
      Tensor k,
      Tensor v,
      Segments segments,
      AttentionShape shape,
      Tensor out,
      Tensor lse) {
    ScalarAttention.forward(q, k, v, segments, shape, out, lse);
  }

  @Override
  public void attentionBackward(
      Tensor dout,
      Tensor q,
      Tensor k,
      Tensor v,
      Tensor out,
      Tensor lse,
      Segments segments,
      AttentionShape shape,
      Tensor dq,
      boolean accumulateQ,
      Tensor dk,
      boolean accumulateK,
      Tensor dv,
      boolean accumulateV) {
    ScalarAttention.backward(
        dout, q, k, v, segments, shape, dq, accumulateQ, dk, accumulateK, dv, accumulateV);
  }

  @Override
  public void embedding(Tensor table, Tensor ids, float scale, Tensor out) {
    At values = weight(table);
    for (int m = 0; m < out.rows(); m++) {
      int id = segment(ids).get(INT, ids.offset() + 4L * m);
      for (int c = 0; c < out.cols(); c++) {
        element(out, m, c, (float) values.get(id, c) * scale);
      }
    }
  }

  @Override
  public void embeddingBackward(Tensor dout, Tensor ids, float scale, Tensor dtable) {
    for (int m = 0; m < dout.rows(); m++) {
      int id = segment(ids).get(INT, ids.offset() + 4L * m);
      for (int c = 0; c < dout.cols(); c++) {
        store(dtable, id, c, element(dout, m, c) * scale, true);
      }
    }
  }

  @Override
  public void gatherRows(Tensor x, Tensor rows, Tensor out) {
    embedding(x, rows, 1, out);
  }

  @Override
  public void scatterAddRows(Tensor dout, Tensor rows, Tensor dx) {
    embeddingBackward(dout, rows, 1, dx);
  }

  @Override
  public void crossEntropy(
      Tensor logits, Tensor targets, float softcap, float gradScale, Tensor losses) {
    for (int m = 0; m < logits.rows(); m++) {
      int target = segment(targets).get(INT, targets.offset() + 4L * m);
      double[] z = new double[logits.cols()];
      double max = Double.NEGATIVE_INFINITY;
      for (int c = 0; c < z.length; c++) {
        double raw = element(logits, m, c);
        z[c] = softcap > 0 ? softcap * Math.tanh(raw / softcap) : raw;
        max = Math.max(max, z[c]);
      }
      double sum = 0;
      for (double value : z) {
        sum += Math.exp(value - max);
      }
      double logSum = max + Math.log(sum);
      element(losses, 0, m, (float) (logSum - z[target]));
      for (int c = 0; gradScale != 0 && c < z.length; c++) {
        double d = gradScale * (Math.exp(z[c] - logSum) - (c == target ? 1 : 0));
        element(logits, m, c, (float) (softcap > 0 ? d * (1 - Math.pow(z[c] / softcap, 2)) : d));
      }
    }
  }

  @Override
  public double sumOfSquares(Tensor x) {
    double sum = 0;
    for (int r = 0; r < x.rows(); r++) {
      for (int c = 0; c < x.cols(); c++) {
        sum += (double) element(x, r, c) * element(x, r, c);
      }
    }
    return sum;
  }

  @Override
  public double sum(Tensor x) {
    double sum = 0;
    for (int r = 0; r < x.rows(); r++) {
      for (int c = 0; c < x.cols(); c++) {
        sum += element(x, r, c);
      }
    }
    return sum;
  }

  @Override
  public int firstNonFiniteRow(Tensor x) {
    for (int r = 0; r < x.rows(); r++) {
      for (int c = 0; c < x.cols(); c++) {
        if (!Float.isFinite(element(x, r, c))) {
          return r;
        }
      }
    }
    return -1;
  }

  @Override
  public void update(Update rule, Tensor p, Tensor g, Tensor first, Tensor second) {
    ScalarUpdates.update(rule, p, g, first, second);
  }

  @Override
  public void update(Update rule, Tensor p, Tensor g, EightBitState first, EightBitState second) {
    ScalarUpdates.update(rule, p, g, first, second);
  }

  @Override
  public void rowSquares(Tensor x, Tensor out) {
    ScalarUpdates.rowSquares(x, out);
  }

  @Override
  public void columnSquares(Tensor x, Tensor out) {
    ScalarUpdates.columnSquares(x, out);
  }

  @Override
  public void scaleBy(Tensor x, Tensor rows, Tensor columns, Tensor out, boolean accumulate) {
    ScalarUpdates.scaleBy(x, rows, columns, out, accumulate);
  }

  @Override
  public void sgd(
      Tensor p,
      Tensor g,
      Tensor buf,
      float gradScale,
      double lr,
      double momentum,
      double weightDecay,
      boolean nesterov,
      boolean firstStep) {
    for (int r = 0; r < p.rows(); r++) {
      for (int c = 0; c < p.cols(); c++) {
        double d = gradScale * (double) element(g, r, c) + weightDecay * element(p, r, c);
        if (buf != null) {
          double b = firstStep ? d : momentum * element(buf, r, c) + d;
          element(buf, r, c, (float) b);
          d = nesterov ? d + momentum * b : b;
        }
        element(p, r, c, (float) (element(p, r, c) - lr * d));
      }
    }
  }
}
