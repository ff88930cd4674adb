package llmengine.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.stream.IntStream;
import llmengine.engine.cpu.VectorBackend;
import org.junit.jupiter.api.Test;

/** The noise of NEFTune is uniform, and depends on key, row and channel alone. */
class NoiseTest {
  @Test
  void isUniformAndIndependentOfTheOtherRows() {
    try (Backend backend = new VectorBackend();
        Scope scope = new Scope(backend, "test")) {
      int rows = 300;
      int cols = 401;
      Tensor x = scope.empty(DType.F32, rows, cols);
      backend.fill(x, 1);
      Tensor keys = scope.of(IntStream.range(0, rows).toArray());
      backend.addNoise(x, 0.5f, 42, keys);
      int[] tenths = new int[10];
      double sum = 0;
      for (float v : x.toFloats()) {
        assertThat(v).isBetween(0.5f, 1.5f);
        tenths[Math.min(9, (int) ((v - 0.5f) * 10))]++;
        sum += v - 1;
      }
      for (int count : tenths) {
        assertThat(count / (double) (rows * cols)).isCloseTo(0.1, within(0.01));
      }
      assertThat(sum / (rows * cols)).isCloseTo(0, within(0.005));

      Tensor alone = scope.empty(DType.F32, 1, cols);
      backend.fill(alone, 1);
      backend.addNoise(alone, 0.5f, 42, scope.of(7));
      assertThat(alone.toFloats()).containsExactly(x.rows(7, 8).toFloats());
      Tensor other = scope.empty(DType.F32, 1, cols);
      backend.fill(other, 1);
      backend.addNoise(other, 0.5f, 43, scope.of(7));
      assertThat(other.toFloats()).isNotEqualTo(alone.toFloats());
    }
  }
}
