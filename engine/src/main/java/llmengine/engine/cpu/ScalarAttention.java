package llmengine.engine.cpu;

import llmengine.engine.AttentionShape;
import llmengine.engine.Segments;
import llmengine.engine.Tensor;

/** Reference attention: one row of scores at a time, in double. */
final class ScalarAttention {
  private ScalarAttention() {}

  /** Scores and probabilities of one query row and head. */
  private record Row(int from, double[] raw, double[] capped, double[] p, double lse) {}

  private static Row row(
      Tensor q,
      Tensor k,
      Segments segments,
      int sequence,
      AttentionShape shape,
      int query,
      int head,
      int lastKey) {
    int d = shape.headDim();
    int kv = head / (shape.heads() / shape.kvHeads());
    int from = shape.window() > 0 ? Math.max(0, lastKey - shape.window() + 1) : 0;
    double[] raw = new double[lastKey + 1 - from];
    double[] capped = new double[raw.length];
    double max = Double.NEGATIVE_INFINITY;
    for (int j = from; j <= lastKey; j++) {
      double dot = 0;
      for (int c = 0; c < d; c++) {
        dot +=
            (double) HostBackend.element(q, query, head * d + c)
                * HostBackend.element(k, segments.key(sequence, j), kv * d + c);
      }
      double score = dot * shape.scale();
      raw[j - from] = score;
      capped[j - from] =
          shape.softcap() > 0 ? shape.softcap() * Math.tanh(score / shape.softcap()) : score;
      max = Math.max(max, capped[j - from]);
    }
    double sum = 0;
    for (double s : capped) {
      sum += Math.exp(s - max);
    }
    double lse = max + Math.log(sum);
    double[] p = new double[raw.length];
    for (int j = 0; j < p.length; j++) {
      p[j] = Math.exp(capped[j] - lse);
    }
    return new Row(from, raw, capped, p, lse);
  }

  static void forward(
      Tensor q,
      Tensor k,
      Tensor v,
      Segments segments,
      AttentionShape shape,
      Tensor out,
      Tensor lse) {
    int d = shape.headDim();
    for (int s = 0; s < segments.count(); s++) {
      for (int i = 0; i < segments.queryLength()[s]; i++) {
        int query = segments.queryStart()[s] + i;
        int lastKey = i + segments.keyLength()[s] - segments.queryLength()[s];
        for (int h = 0; h < shape.heads(); h++) {
          int kv = h / (shape.heads() / shape.kvHeads());
          Row row = row(q, k, segments, s, shape, query, h, lastKey);
          HostBackend.element(lse, query, h, (float) row.lse);
          for (int c = 0; c < d; c++) {
            double sum = 0;
            for (int j = 0; j < row.p.length; j++) {
              sum += row.p[j] * HostBackend.element(v, segments.key(s, row.from + j), kv * d + c);
            }
            HostBackend.element(out, query, h * d + c, (float) sum);
          }
        }
      }
    }
  }

  static void backward(
      Tensor dout,
      Tensor q,
      Tensor k,
      Tensor v,
      Segments segments,
      AttentionShape shape,
      Tensor dq,
      boolean accumulateQ,
      Tensor dk,
      boolean accumulateK,
      Tensor dv,
      boolean accumulateV) {
    int d = shape.headDim();
    double[][] gq = new double[q.rows()][q.cols()];
    double[][] gk = new double[k.rows()][k.cols()];
    double[][] gv = new double[v.rows()][v.cols()];
    for (int s = 0; s < segments.count(); s++) {
      for (int i = 0; i < segments.queryLength()[s]; i++) {
        int query = segments.queryStart()[s] + i;
        int lastKey = i + segments.keyLength()[s] - segments.queryLength()[s];
        for (int h = 0; h < shape.heads(); h++) {
          int kv = h / (shape.heads() / shape.kvHeads());
          Row row = row(q, k, segments, s, shape, query, h, lastKey);
          double[] dp = new double[row.p.length];
          double mean = 0;
          for (int j = 0; j < dp.length; j++) {
            for (int c = 0; c < d; c++) {
              double g = HostBackend.element(dout, query, h * d + c);
              dp[j] += g * HostBackend.element(v, segments.key(s, row.from + j), kv * d + c);
              gv[segments.key(s, row.from + j)][kv * d + c] += row.p[j] * g;
            }
            mean += dp[j] * row.p[j];
          }
          for (int j = 0; j < dp.length; j++) {
            double ds = row.p[j] * (dp[j] - mean) * shape.scale();
            if (shape.softcap() > 0) {
              ds *= 1 - Math.pow(row.capped[j] / shape.softcap(), 2);
            }
            for (int c = 0; c < d; c++) {
              int key = segments.key(s, row.from + j);
              gq[query][h * d + c] += ds * HostBackend.element(k, key, kv * d + c);
              gk[key][kv * d + c] += ds * HostBackend.element(q, query, h * d + c);
            }
          }
        }
      }
    }
    store(gq, dq, accumulateQ);
    store(gk, dk, accumulateK);
    store(gv, dv, accumulateV);
  }

  private static void store(double[][] values, Tensor out, boolean accumulate) {
    for (int r = 0; out != null && r < values.length; r++) {
      for (int c = 0; c < values[r].length; c++) {
        double old = accumulate ? HostBackend.element(out, r, c) : 0;
        HostBackend.element(out, r, c, (float) (old + values[r][c]));
      }
    }
  }
}
