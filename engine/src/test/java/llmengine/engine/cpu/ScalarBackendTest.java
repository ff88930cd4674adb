// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.SplittableRandom;
import java.util.stream.Stream;
import llmengine.engine.AttentionShape;
import llmengine.engine.DType;
import llmengine.engine.OpLaws;
import llmengine.engine.Scope;
import llmengine.engine.Segments;
import llmengine.engine.Tensor;
import llmengine.engine.Update;
import org.junit.jupiter.api.DynamicNode;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** The reference itself, against loops over plain arrays and values known on paper. */
class ScalarBackendTest {
  private final ScalarBackend backend = new ScalarBackend();
  private final Scope scope = new Scope(backend, "test");
  private final SplittableRandom random = new SplittableRandom(1);

  @TestFactory
  Stream<DynamicNode> laws() {
    return OpLaws.of(new ScalarBackend());
  }

  private float[] normal(int n) {
    float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  @Test
  void productsInEveryLayoutAreSumsOverK() {
    int m = 3;
    int n = 4;
    int k = 5;
    float[] a = normal(m * k);
    float[] b = normal(k * n);
    float[] old = normal(m * n);
    double[] expected = new double[m * n];
    float[] aT = new float[k * m];
    float[] bT = new float[n * k];
    for (int i = 0; i < m; i++) {
      for (int j = 0; j < n; j++) {
        for (int p = 0; p < k; p++) {
          expected[i * n + j] += (double) a[i * k + p] * b[p * n + j];
          aT[p * m + i] = a[i * k + p];
          bT[j * k + p] = b[p * n + j];
        }
      }
    }
    for (boolean accumulate : new boolean[] {false, true}) {
      Tensor nt = scope.of(old, m, n);
      Tensor nn = scope.of(old, m, n);
      Tensor tn = scope.of(old, m, n);
      backend.matmulNT(scope.of(a, m, k), scope.of(bT, n, k), 0.5f, nt, accumulate);
      backend.matmulNN(scope.of(a, m, k), scope.of(b, k, n), 0.5f, nn, accumulate);
      backend.matmulTN(scope.of(aT, k, m), scope.of(b, k, n), 0.5f, tn, accumulate);
      for (int i = 0; i < m * n; i++) {
        float e = (float) (0.5 * expected[i] + (accumulate ? old[i] : 0));
        assertThat(nt.toFloats()[i]).isCloseTo(e, within(1e-6f));
        assertThat(nn.toFloats()[i]).isCloseTo(e, within(1e-6f));
        assertThat(tn.toFloats()[i]).isCloseTo(e, within(1e-6f));
      }
    }
  }

  @Test
  void firstTokenAttendsToItselfAndEqualScoresAverage() {
    Tensor q = scope.zeros(DType.F32, 3, 2);
    Tensor k = scope.of(normal(6), 3, 2);
    Tensor v = scope.of(new float[] {1, 10, 2, 20, 6, 60}, 3, 2);
    Tensor out = scope.empty(DType.F32, 3, 2);
    Tensor lse = scope.empty(DType.F32, 3, 1);
    backend.attention(q, k, v, Segments.of(3), AttentionShape.causal(1, 1, 2), out, lse);
    assertThat(out.toFloats()).containsExactly(1, 10, 1.5f, 15, 3, 30);
    assertThat(lse.toFloats())
        .containsExactly(new float[] {0, (float) Math.log(2), (float) Math.log(3)});
    AttentionShape window = new AttentionShape(1, 1, 2, 1, 2, 0);
    backend.attention(q, k, v, Segments.of(3), window, out, lse);
    assertThat(out.toFloats()).containsExactly(1, 10, 1.5f, 15, 4, 40);
    backend.attention(q, k, v, Segments.of(1, 2), window, out, lse);
    assertThat(out.toFloats()).containsExactly(1, 10, 2, 20, 4, 40);
  }

  @Test
  void attentionIsSoftmaxOfScaledCappedScores() {
    float[] q = normal(4);
    float[] k = normal(6);
    float[] v = normal(6);
    // two query heads of width 2 share one key/value head; one query, three keys
    AttentionShape shape = new AttentionShape(2, 1, 2, 0.6f, 0, 1.2f);
    Segments one = new Segments(new int[] {0}, new int[] {1}, new int[] {0}, new int[] {3});
    Tensor out = scope.empty(DType.F32, 1, 4);
    Tensor lse = scope.empty(DType.F32, 1, 2);
    backend.attention(
        scope.of(q, 1, 4), scope.of(k, 3, 2), scope.of(v, 3, 2), one, shape, out, lse);
    for (int head = 0; head < 2; head++) {
      double[] e = new double[3];
      double sum = 0;
      for (int j = 0; j < 3; j++) {
        double score = 0.6 * (q[2 * head] * k[2 * j] + q[2 * head + 1] * k[2 * j + 1]);
        e[j] = Math.exp(1.2 * Math.tanh(score / 1.2));
        sum += e[j];
      }
      for (int c = 0; c < 2; c++) {
        double expected = (e[0] * v[c] + e[1] * v[2 + c] + e[2] * v[4 + c]) / sum;
        assertThat((double) out.toFloats()[2 * head + c]).isCloseTo(expected, within(1e-6));
      }
      assertThat((double) lse.toFloats()[head]).isCloseTo(Math.log(sum), within(1e-6));
    }
  }

  @Test
  void normsGiveUnitSizeAndZeroMean() {
    Tensor x = scope.of(new float[] {3, -3, 3, 3, 1, 2, 3, 4}, 2, 4);
    Tensor w = scope.of(new float[] {1, 1, 2, 0}, 4);
    Tensor out = scope.empty(DType.F32, 2, 4);
    Tensor rstd = scope.empty(DType.F32, 2);
    Tensor mean = scope.empty(DType.F32, 2);
    backend.rmsNorm(x.rows(0, 1), w, 1, 0, out.rows(0, 1), rstd.reshape(2, 1).rows(0, 1));
    assertThat(out.rows(0, 1).toFloats()).containsExactly(2, -2, 3, 1);
    backend.layerNorm(x, w, scope.of(new float[] {0, 0, 0, 9}, 4), 0, out, mean, rstd);
    assertThat(mean.toFloats()).containsExactly(1.5f, 2.5f);
    float s = (float) (1 / Math.sqrt(1.25));
    assertThat(rstd.toFloats()[1]).isEqualTo(s);
    assertThat(out.rows(1, 2).toFloats())
        .containsExactly(new float[] {-1.5f * s, -0.5f * s, 1 * s, 9}, within(1e-6f));
  }

  @Test
  void activationsHaveTheirKnownValues() {
    Tensor x = scope.of(new float[] {-1, 0, 1, 3}, 1, 4);
    assertActivation(x, "SILU", -0.26894142f, 0, 0.73105858f, 2.8577224f);
    assertActivation(x, "GELU", -0.15865525f, 0, 0.84134475f, 2.9959503f);
    assertActivation(x, "GELU_TANH", -0.15880801f, 0, 0.84119199f, 2.9963627f);
    assertActivation(x, "RELU", 0, 0, 1, 3);
  }

  private void assertActivation(Tensor x, String f, float... expected) {
    Tensor out = scope.empty(DType.F32, 1, 4);
    backend.activation(llmengine.engine.Activation.valueOf(f), x, out);
    assertThat(out.toFloats()).as(f).containsExactly(expected, within(1e-6f));
  }

  @Test
  void ropeTurnsPairsOfHalves() {
    Tensor x = scope.of(new float[] {1, 2, 0, 0, 7}, 1, 5); // width 5, four channels rotated
    Tensor cos = scope.of(new float[] {9, 9, 0, -1}, 2, 2);
    Tensor sin = scope.of(new float[] {9, 9, 1, 0}, 2, 2);
    Tensor out = scope.empty(DType.F32, 1, 5);
    backend.rope(x, scope.of(1), cos, sin, 5, false, out, false);
    assertThat(out.toFloats()).containsExactly(new float[] {0, -2, 1, 0, 7}, within(0f));
    backend.rope(out, scope.of(1), cos, sin, 5, true, out, false);
    assertThat(out.toFloats()).containsExactly(new float[] {1, 2, 0, 0, 7}, within(0f));
  }

  @Test
  void crossEntropyOfEqualLogitsIsLogOfTheirNumber() {
    Tensor logits = scope.of(new float[] {5, 5, 5, 5}, 1, 4);
    Tensor losses = scope.empty(DType.F32, 1);
    backend.crossEntropy(logits, scope.of(2), 0, 2, losses);
    assertThat(losses.toFloats()[0]).isCloseTo((float) Math.log(4), within(1e-6f));
    assertThat(logits.toFloats())
        .containsExactly(new float[] {0.5f, 0.5f, -1.5f, 0.5f}, within(1e-6f));
  }

  @Test
  void firstAdamWStepMovesByTheLearningRate() {
    Tensor p = scope.of(new float[] {1, 1, 1}, 3);
    Tensor g = scope.of(new float[] {4, -0.002f, 0}, 3);
    Tensor m = scope.zeros(DType.F32, 3);
    Tensor v = scope.zeros(DType.F32, 3);
    backend.update(new Update.AdamW(0.5f, 0.1, 0.9, 0.999, 1e-12, 0.5, 1), p, g, m, v);
    // decay first: 1 - 0.1 * 0.5, then lr in the direction of the sign
    assertThat(p.toFloats()).containsExactly(new float[] {0.85f, 1.05f, 0.95f}, within(1e-6f));
    assertThat(m.toFloats()[0]).isCloseTo(0.2f, within(1e-6f));
    assertThat(v.toFloats()[0]).isCloseTo(0.004f, within(1e-8f));
  }

  @Test
  void sgdFollowsMomentum() {
    Tensor p = scope.of(new float[] {1}, 1);
    Tensor g = scope.of(new float[] {2}, 1);
    Tensor buf = scope.of(new float[] {Float.NaN}, 1);
    backend.sgd(p, g, buf, 0.5f, 0.1, 0.9, 0, false, true);
    assertThat(p.toFloats()[0]).isCloseTo(0.9f, within(1e-6f));
    backend.sgd(p, g, buf, 0.5f, 0.1, 0.9, 0, false, false); // buf = 0.9 + 1
    assertThat(p.toFloats()[0]).isCloseTo(0.71f, within(1e-6f));
    backend.sgd(p, g, null, 0.5f, 0.1, 0, 1, false, false);
    assertThat(p.toFloats()[0]).isCloseTo(0.539f, within(1e-6f));
  }
}
