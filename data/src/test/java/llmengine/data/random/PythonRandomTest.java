package llmengine.data.random;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class PythonRandomTest {
  /** Python 3.11: random.seed(42); random.randint(...). */
  @Test
  void drawsWhatPythonDraws() {
    PythonRandom random = new PythonRandom(42);
    for (int expected : new int[] {81, 14, 3, 94, 35, 31, 28, 17}) {
      assertThat(random.randint(0, 99)).isEqualTo(expected);
    }
    for (int expected : new int[] {772251, 107478, 709575, 776651}) {
      assertThat(random.randint(5, 1_000_000)).isEqualTo(expected);
    }
    for (int expected : new int[] {-335343207, -2019505554, -1208440693}) {
      assertThat(random.randint(Integer.MIN_VALUE, Integer.MAX_VALUE)).isEqualTo(expected);
    }
    PythonRandom wide = new PythonRandom((1L << 40) + 7);
    for (int expected : new int[] {628, 765, 834, 960, 967, 654}) {
      assertThat(wide.randint(0, 999)).isEqualTo(expected);
    }
  }

  @Test
  void emptyRangesAndNegativeSeedsAreRefused() {
    PythonRandom random = new PythonRandom(0);
    assertThat(random.randint(7, 7)).isEqualTo(7);
    assertThatThrownBy(() -> random.randint(1, 0)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new PythonRandom(-1)).isInstanceOf(IllegalArgumentException.class);
  }
}
