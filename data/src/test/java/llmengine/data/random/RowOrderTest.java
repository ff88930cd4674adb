package llmengine.data.random;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.math.BigInteger;
import java.util.Arrays;
import java.util.stream.IntStream;
import llmengine.data.DataException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RowOrderTest {
  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3, 17, 1000, 65_537})
  void everyOrderIsAPermutation(int n) {
    int[] all = IntStream.range(0, n).toArray();
    assertThat(sorted(new NumpyRandom(5).permutation(n))).isEqualTo(all);
    assertThat(sorted(new LegacyNumpyRandom(5).permutation(n))).isEqualTo(all);
    assertThat(sorted(new TorchRandom(5).permutation(n))).isEqualTo(all);
    assertThat(sorted(new EpochOrder(n, 5, true).epoch(3))).isEqualTo(all);
    assertThat(new EpochOrder(n, 5, false).epoch(3)).isEqualTo(all);
  }

  @Test
  void knownOrders() {
    // numpy 2.4.6: default_rng(42).permutation(10); np.random.seed(42), permutation(10)
    assertThat(new NumpyRandom(42).permutation(10)).containsExactly(5, 6, 0, 7, 3, 2, 4, 9, 1, 8);
    assertThat(new LegacyNumpyRandom(42).permutation(10))
        .containsExactly(8, 1, 5, 0, 7, 2, 9, 4, 3, 6);
    // torch 2.9.1: manual_seed(42), randperm(100)
    assertThat(new EpochOrder(100, 42, true).epoch(0)).startsWith(42, 96);
  }

  @Test
  void resumedEpochGoesOnWhereItStopped() {
    var order = new EpochOrder(100, 42, true);
    int[] whole = order.epoch(2);
    for (int consumed : new int[] {0, 1, 50, 99, 100}) {
      assertThat(order.remaining(2, consumed)).isEqualTo(Arrays.copyOfRange(whole, consumed, 100));
    }
    assertThat(order.epoch(1)).isEqualTo(new EpochOrder(100, 43, true).epoch(0));
    assertThatThrownBy(() -> order.remaining(0, 101))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("101");
  }

  @Test
  void splitKeepsEveryRowOnce() {
    ValidationSplit split = ValidationSplit.of(101, 0.1, 42);
    int[] both =
        IntStream.concat(Arrays.stream(split.train()), Arrays.stream(split.validation())).toArray();
    assertThat(sorted(both)).isEqualTo(IntStream.range(0, 101).toArray());
    assertThat(split.validation()).hasSize(11);
    assertThat(ValidationSplit.ofCount(10, 0, 1).train()).hasSize(10);
    for (double size : new double[] {-0.1, Double.NaN, 1.0, 10, 1e18, 0.95}) {
      assertThatThrownBy(() -> ValidationSplit.of(10, size, 1))
          .isInstanceOf(DataException.class)
          .hasMessageContaining("val_size");
    }
  }

  @Test
  void mixingRefusesWhatItCannotDo() {
    int[] sizes = {3, 4};
    for (double[] bad : new double[][] {{1}, {0.5, 0.6}, {0, 1}, {Double.NaN, 1}}) {
      assertThatThrownBy(() -> MixOrder.of(sizes, MixOrder.Strategy.INTERLEAVE_OVER, bad, 1))
          .isInstanceOf(DataException.class)
          .hasMessageContaining("interleave_probs");
    }
    assertThatThrownBy(
            () -> MixOrder.of(new int[] {3, 0}, MixOrder.Strategy.INTERLEAVE_UNDER, null, 1))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("dataset 2 of 2 is empty");
    assertThatThrownBy(() -> new NumpyRandom(BigInteger.valueOf(-1)))
        .isInstanceOf(DataException.class);
  }

  @Test
  void oddCountsOfNormalsAreFinite() {
    for (int count : new int[] {0, 1, 15, 16, 17, 31, 33}) {
      float[] values = new TorchRandom(3).normal(count, 1, 2);
      assertThat(values).hasSize(count);
      for (float value : values) {
        assertThat(value).isFinite();
      }
    }
  }

  private static int[] sorted(int[] values) {
    int[] copy = values.clone();
    Arrays.sort(copy);
    return copy;
  }
}
