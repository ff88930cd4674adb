package llmengine.quant.calibrate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import llmengine.engine.Backend;
import llmengine.engine.FormatException;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.engine.cpu.VectorBackend;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class GptqTest {
  private static final CodeGrid GRID = CodeGrid.gptq(4, true);
  private final Backend backend = new VectorBackend();

  @ParameterizedTest
  @CsvSource({"8, 16, -1", "5, 16, 4", "3, 50, 16", "2, 1, 128", "4, 300, 200", "2, 260, 96"})
  void inputsThatAreIndependentGiveRoundToNearest(int n, int k, int groupSize) {
    try (Scope scope = new Scope(backend, "test")) {
      Tensor w = Matrices.normal(scope, 1, n, k);
      InputStatistics identity = new InputStatistics(scope, k);
      float[] ones = new float[k * k];
      for (int i = 0; i < k; i++) {
        ones[i * k + i] = 1;
      }
      identity.add(scope.of(ones, k, k));
      Gptq gptq = Gptq.of(scope, identity, GRID, new Gptq.Settings(groupSize, false, 0.01));
      float[] expected = values(nearest(scope, w, GRID, groupSize));
      assertThat(values(gptq.quantize(scope, w).codes())).isEqualTo(expected);
    }
    assertThat(backend.memory().used()).isZero();
  }

  @ParameterizedTest
  @CsvSource({
    "4, true, 32, false",
    "4, true, 32, true",
    "4, false, 20, true",
    "3, true, -1, false",
    "3, false, 32, true",
    "2, false, 16, false",
    "2, true, 16, true",
    "8, true, 64, false"
  })
  void errorOfOutputsIsBelowRoundToNearest(int bits, boolean sym, int groupSize, boolean order) {
    CodeGrid grid = CodeGrid.gptq(bits, sym);
    for (int seed = 1; seed <= 3; seed++) {
      try (Scope scope = new Scope(backend, "test")) {
        int k = 150;
        Tensor w = Matrices.normal(scope, seed, 12, k);
        InputStatistics inputs = new InputStatistics(scope, k);
        inputs.add(Matrices.correlated(scope, seed, 100, k));
        inputs.add(Matrices.correlated(scope, seed + 100, 200, k));
        float[] h = inputs.hessian().toFloats();
        Gptq gptq = Gptq.of(scope, inputs, grid, new Gptq.Settings(groupSize, order, 0.01));
        Gptq.Quantized quantized = gptq.quantize(scope, w);
        double error = Matrices.error(quantized.codes(), w.toFloats(), h, 0);
        double nearest = Matrices.error(nearest(scope, w, grid, groupSize), w.toFloats(), h, 0);
        assertThat(error).isLessThan(0.7 * nearest);

        double mean = 0;
        for (float d : inputs.diagonal()) {
          mean += d / k;
        }
        double damped = Matrices.error(quantized.codes(), w.toFloats(), h, 0.01 * mean);
        assertThat(quantized.error()).isCloseTo(damped, within(2e-3 * damped));
      }
    }
  }

  /** Act-order is plain GPTQ on columns that were put in that order beforehand. */
  @Test
  void actOrderIsAPermutation() {
    int k = 48;
    int n = 6;
    int size = 16;
    try (Scope scope = new Scope(backend, "test")) {
      float[] w = Matrices.normal(scope, 1, n, k).toFloats();
      float[] x = Matrices.correlated(scope, 2, 90, k).toFloats();
      InputStatistics inputs = new InputStatistics(scope, k);
      inputs.add(scope.of(x, 90, k));
      ColumnGroups order = ColumnGroups.descending(inputs.diagonal(), size);
      float[] sortedW = new float[w.length];
      float[] sortedX = new float[x.length];
      for (int i = 0; i < k; i++) {
        for (int r = 0; r < n; r++) {
          sortedW[r * k + i] = w[r * k + order.column(i)];
        }
        for (int r = 0; r < 90; r++) {
          sortedX[r * k + i] = x[r * k + order.column(i)];
        }
      }
      InputStatistics sorted = new InputStatistics(scope, k);
      sorted.add(scope.of(sortedX, 90, k));
      Gptq.Settings settings = new Gptq.Settings(size, true, 0.01);
      GroupedCodes codes =
          Gptq.of(scope, inputs, GRID, settings).quantize(scope, scope.of(w, n, k)).codes();
      GroupedCodes plain =
          Gptq.of(scope, sorted, GRID, settings).quantize(scope, scope.of(sortedW, n, k)).codes();
      int[] index = codes.groupIndex().orElseThrow();
      assertThat(plain.groupIndex()).isEmpty();
      for (int i = 0; i < k; i++) {
        assertThat(index[order.column(i)]).isEqualTo(i / size);
        for (int r = 0; r < n; r++) {
          assertThat(codes.code(r, order.column(i))).isEqualTo(plain.code(r, i));
          assertThat(codes.scaleBits(r, i / size)).isEqualTo(plain.scaleBits(r, i / size));
        }
      }
      int[] sizes = new int[3];
      Arrays.stream(index).forEach(g -> sizes[g]++);
      assertThat(sizes).containsExactly(16, 16, 16);
    }
  }

  @Test
  void groupAwareOrderKeepsGroupsTogether() {
    float[] importance = {1, 5, 2, 9, 0, 8, 7};
    ColumnGroups groups = ColumnGroups.groupAware(importance, 3);
    int[] order = new int[7];
    for (int i = 0; i < 7; i++) {
      order[i] = groups.column(i);
    }
    assertThat(order).containsExactly(3, 5, 4, 6, 1, 2, 0);
    assertThat(groups.groupOf()).containsExactly(0, 0, 0, 1, 1, 1, 2);
    assertThat(groups.isSequential()).isTrue();
  }

  @Test
  void channelsWithoutInputAndTooFewTextsAreFine() {
    try (Scope scope = new Scope(backend, "test")) {
      int k = 20;
      float[] x = Matrices.normal(scope, 1, 3, k).toFloats(); // rank 3 of 20
      for (int r = 0; r < 3; r++) {
        x[r * k + 4] = 0;
      }
      InputStatistics inputs = new InputStatistics(scope, k);
      inputs.add(scope.of(x, 3, k));
      Tensor w = Matrices.normal(scope, 2, 5, k);
      Gptq gptq = Gptq.of(scope, inputs, GRID, new Gptq.Settings(8, false, 1e-9));
      assertThat(gptq.damping()).isGreaterThanOrEqualTo(1e-9);
      float[] values = values(gptq.quantize(scope, w).codes());
      for (int n = 0; n < 5; n++) {
        assertThat(values[n * k + 4]).isZero();
      }
      for (float v : values) {
        assertThat(v).isFinite();
      }
      InputStatistics none = new InputStatistics(scope, k);
      none.add(scope.of(new float[k], 1, k));
      Gptq nothing = Gptq.of(scope, none, GRID, new Gptq.Settings(8, false, 0.01));
      assertThat(values(nothing.quantize(scope, w).codes())).containsOnly(0);
    }
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, 1e30f})
  void weightsThatNoScaleHoldsAreRefused(float bad) {
    try (Scope scope = new Scope(backend, "test")) {
      Tensor w = scope.of(new float[] {1, bad, 2, 3}, 1, 4);
      assertThatThrownBy(() -> nearest(scope, w, GRID, 2))
          .isInstanceOf(FormatException.class)
          .hasMessageContaining("scale does not fit");
      InputStatistics inputs = new InputStatistics(scope, 4);
      inputs.add(scope.of(new float[] {Float.NaN, 1, 1, 1}, 1, 4));
      assertThatThrownBy(() -> Gptq.of(scope, inputs, GRID, new Gptq.Settings(2, false, 0.01)))
          .isInstanceOf(FormatException.class);
      assertThatThrownBy(() -> ColumnGroups.sequential(4, 0)).isInstanceOf(FormatException.class);
    }
  }

  @ParameterizedTest
  @CsvSource({"2, true", "2, false", "3, false", "4, false", "4, true", "8, true", "8, false"})
  void everyWeightIsWithinHalfAStepOrAtAnEnd(int bits, boolean sym) {
    CodeGrid grid = CodeGrid.gptq(bits, sym);
    float[][] groups = {{-1, 2, 0.3f, 5}, {1, 2, 3, 4}, {-3, -2, -1, -9}, {1e-9f, 0, 0, 0}};
    for (float[] group : groups) {
      float min = 0;
      float max = 0;
      for (float v : group) {
        min = Math.min(min, v);
        max = Math.max(max, v);
      }
      float scale = grid.scale(min, max);
      int zero = grid.zero(min, max);
      assertThat(zero).isBetween(1, grid.highest());
      for (float v : group) {
        int code = grid.code(v, scale, zero);
        double step = code == 0 || code == grid.highest() ? 1.01 : 0.501;
        assertThat(Math.abs(scale * (code - zero) - v)).isLessThanOrEqualTo((float) (step * scale));
      }
    }
  }

  private static GroupedCodes nearest(Scope scope, Tensor w, CodeGrid grid, int groupSize) {
    return Gptq.roundToNearest(ColumnGroups.sequential(w.cols(), groupSize), grid)
        .quantize(scope, w)
        .codes();
  }

  private static float[] values(GroupedCodes codes) {
    float[] values = new float[codes.rows() * codes.cols()];
    codes.decode(0, 0, codes.rows(), codes.cols(), values, 0, codes.cols());
    return values;
  }
}
