// SPDX-License-Identifier: Apache-2.0
package llmengine.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import llmengine.engine.cpu.ScalarBackend;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class TensorTest {
  private final ScalarBackend backend = new ScalarBackend();
  private final Scope scope = new Scope(backend, "test");

  @AfterEach
  void close() {
    scope.close();
    backend.close();
  }

  private Tensor counting(int rows, int cols) {
    float[] values = new float[rows * cols];
    for (int i = 0; i < values.length; i++) {
      values[i] = i;
    }
    return scope.of(values, rows, cols);
  }

  @Test
  void viewsShareTheirBasesMemory() {
    Tensor t = counting(3, 4);
    Tensor middle = t.rows(1, 3).columns(1, 3);
    assertThat(middle.toFloats()).containsExactly(5, 6, 9, 10);
    assertThat(middle.rowStride()).isEqualTo(4);
    assertThat(middle.isContiguous()).isFalse();
    assertThat(middle.base().base()).isSameAs(t);
    middle.set(-5f, -6f, -9f, -10f);
    assertThat(t.toFloats()).containsExactly(0, 1, 2, 3, 4, -5, -6, 7, 8, -9, -10, 11);
    assertThat(t.reshape(2, 6).rows(1, 2).toFloats()).containsExactly(-6, 7, 8, -9, -10, 11);
    assertThat(t.rows(2, 2).size()).isZero();
    assertThat(t.columns(4, 4).toFloats()).isEmpty();
  }

  @Test
  void sixteenBitTypesRoundOnWrite() {
    for (DType dtype : new DType[] {DType.BF16, DType.F16}) {
      Tensor t = scope.empty(dtype, 2, 3).set(1, -2.5f, 0, Float.POSITIVE_INFINITY, 0.1f, 65504);
      float[] back = t.toFloats();
      assertThat(back[0]).isEqualTo(1);
      assertThat(back[1]).isEqualTo(-2.5f);
      assertThat(back[3]).isInfinite();
      float expected =
          dtype == DType.BF16
              ? Floats.fromBf16(Floats.toBf16(0.1f))
              : Float.float16ToFloat(Float.floatToFloat16(0.1f));
      assertThat(back[4]).isEqualTo(expected);
      assertThat(t.columns(1, 3).toFloats()).containsExactly(back[1], back[2], back[4], back[5]);
    }
  }

  @Test
  void integersKeepTheirBits() {
    Tensor t = scope.of(1, -1, Integer.MAX_VALUE);
    assertThat(t.dtype()).isEqualTo(DType.I32);
    assertThat(t.toInts()).containsExactly(1, -1, Integer.MAX_VALUE);
  }

  @Test
  void mappedMemoryIsUsedInPlace() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment file = arena.allocate(24);
      Tensor t = scope.map(file, DType.F32, 2, 3);
      file.setAtIndex(ValueLayout.JAVA_FLOAT, 4, 7);
      assertThat(t.toFloats()).containsExactly(0, 0, 0, 0, 7, 0);
      assertThatThrownBy(() -> scope.map(file, DType.BF16, 2, 3))
          .isInstanceOf(ShapeException.class)
          .hasMessage("map: wrong size: expected 12 bytes for BF16(2, 3), got 24.");
    }
  }

  @Test
  void errorsNameWhatWasExpected() {
    Tensor t = counting(3, 4);
    assertThatThrownBy(() -> t.rows(2, 4))
        .isInstanceOf(ShapeException.class)
        .hasMessage("rows: out of range: expected 0 <= from <= to <= 3, got 2 to 4.");
    assertThatThrownBy(() -> t.columns(3, 1))
        .isInstanceOf(ShapeException.class)
        .hasMessage("columns: out of range: expected 0 <= from <= to <= 4, got 3 to 1.");
    assertThatThrownBy(() -> scope.empty(DType.F32, 3).rows(0, 1))
        .isInstanceOf(ShapeException.class)
        .hasMessage("rows: not a matrix: expected rank 2, got (3).");
    assertThatThrownBy(() -> t.columns(0, 2).reshape(6))
        .isInstanceOf(ShapeException.class)
        .hasMessageStartingWith("reshape: expected a contiguous tensor of 6 elements, got ");
    assertThatThrownBy(() -> t.reshape(5, 2))
        .isInstanceOf(ShapeException.class)
        .hasMessageContaining("10 elements, got F32(3, 4)");
    assertThatThrownBy(() -> t.set(1f, 2f))
        .isInstanceOf(ShapeException.class)
        .hasMessage("set: wrong number of values: expected 12, got 2.");
    assertThatThrownBy(() -> t.set(1, 2))
        .isInstanceOf(ShapeException.class)
        .hasMessage("set: wrong dtype: expected I32 for integers, got F32(3, 4).");
    assertThatThrownBy(t::toInts)
        .isInstanceOf(ShapeException.class)
        .hasMessage("toInts: wrong dtype: expected I32 for integers, got F32(3, 4).");
    assertThatThrownBy(() -> t.grad(counting(4, 3)))
        .isInstanceOf(ShapeException.class)
        .hasMessage("grad: wrong shape: expected (3, 4), got (4, 3).");
  }

  @Test
  void segmentsRefuseMoreQueriesThanKeys() {
    assertThatThrownBy(
            () -> new Segments(new int[] {0}, new int[] {3}, new int[] {0}, new int[] {2}))
        .isInstanceOf(ShapeException.class)
        .hasMessage(
            "segments: sequence 0: expected 0 <= queries <= keys, got 3 queries and 2 keys.");
    assertThatThrownBy(() -> AttentionShape.causal(3, 2, 8))
        .isInstanceOf(ShapeException.class)
        .hasMessageContaining("3 heads and 2 kvHeads");
  }
}
