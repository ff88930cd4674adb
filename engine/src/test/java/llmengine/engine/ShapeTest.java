// SPDX-License-Identifier: Apache-2.0
package llmengine.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class ShapeTest {
  @Test
  void rowsAreAllButTheInnermostSize() {
    Shape s = Shape.of(2, 3, 5);
    assertThat(s.rank()).isEqualTo(3);
    assertThat(s.size()).isEqualTo(30);
    assertThat(s.rows()).isEqualTo(6);
    assertThat(s.cols()).isEqualTo(5);
    assertThat(s.dim(-1)).isEqualTo(5);
    assertThat(s.dim(0)).isEqualTo(2);
    assertThat(s)
        .hasToString("(2, 3, 5)")
        .isEqualTo(Shape.of(2, 3, 5))
        .isNotEqualTo(Shape.of(6, 5));
    assertThat(s).hasSameHashCodeAs(Shape.of(2, 3, 5));
  }

  @Test
  void scalarsVectorsAndEmptyShapesHaveSizes() {
    assertThat(Shape.of().size()).isEqualTo(1);
    assertThat(Shape.of().cols()).isEqualTo(1);
    assertThat(Shape.of(7).rows()).isEqualTo(1);
    assertThat(Shape.of(0, 4).size()).isZero();
  }

  @Test
  void isImmutable() {
    int[] dims = {2, 3};
    Shape s = Shape.of(dims);
    dims[0] = 9;
    s.dims()[1] = 9;
    assertThat(s).isEqualTo(Shape.of(2, 3));
  }

  @Test
  void sizesBeyondThirtyOneBitsDoNotOverflow() {
    assertThat(Shape.of(100_000, 100_000).size()).isEqualTo(10_000_000_000L);
    Shape tooLarge = Shape.of(Integer.MAX_VALUE, Integer.MAX_VALUE, 4);
    assertThatThrownBy(tooLarge::size).isInstanceOf(ArithmeticException.class);
  }

  @Test
  void errorsNameWhatWasExpected() {
    assertThatThrownBy(() -> Shape.of(3, -1))
        .isInstanceOf(ShapeException.class)
        .hasMessage("shape: negative size: expected sizes >= 0, got [3, -1].");
    assertThatThrownBy(() -> Shape.of(3).dim(1))
        .isInstanceOf(ShapeException.class)
        .hasMessage("shape: no such dimension: expected an index within rank 1, got 1.");
  }
}
