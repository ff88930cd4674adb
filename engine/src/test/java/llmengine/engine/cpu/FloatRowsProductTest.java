// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import llmengine.engine.DType;
import llmengine.engine.FloatRows;
import llmengine.engine.Scope;
import llmengine.engine.StoredOrder;
import llmengine.engine.Tensor;
import llmengine.engine.cpu.x86.Isa;
import llmengine.engine.cpu.x86.MachineCode;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** Machine code of every kind that this processor runs, and vectors, against plain loops. */
class FloatRowsProductTest {
  private static final int[] K = {16, 32, 80, 1040, 2064};
  private static final int[] N = {1, 2, 3, 4, 7, 70};
  private static final int[] M = {1, 2, 3, 4, 7, 8, 17};

  @TestFactory
  Stream<DynamicTest> equalsPlainLoopsBitForBit() {
    List<Optional<Isa>> kinds = new ArrayList<>(List.of(Optional.empty()));
    MachineCode.available().forEach(isa -> kinds.add(Optional.of(isa)));
    return Stream.of(DType.F32, DType.BF16, DType.F16)
        .flatMap(
            dtype ->
                kinds.stream()
                    .map(
                        isa ->
                            DynamicTest.dynamicTest(
                                dtype + " " + isa.map(Isa::name).orElse("portable"),
                                () -> compare(dtype, isa))));
  }

  private static void compare(DType dtype, Optional<Isa> isa) {
    try (VectorBackend backend = new VectorBackend(new Team(1));
        Team team = new Team(2);
        Scope scope = new Scope(backend, "test");
        Arena arena = Arena.ofConfined()) {
      RowsProduct product = new RowsProduct(team, isa);
      for (int k : K) {
        for (int n : N) {
          Tensor w = random(scope, arena, dtype, n, k);
          for (int m : M) {
            // columns of something wider: strides are not widths
            Tensor x = scope.of(normal(m * (k + 5)), m, k + 5).columns(3, k + 3);
            Tensor y = scope.of(normal(m * (n + 2)), m, n + 2).columns(1, n + 1);
            product.multiply(x, w, 1, y, false);
            float[] expected = expected(x, w);
            assertThat(y.toFloats()).as("k %d, n %d, m %d", k, n, m).isEqualTo(expected);
            product.multiply(x, w, -0.75f, y, true);
            assertThat(y.toFloats()).isEqualTo(added(expected, -0.75f));
          }
        }
      }
    }
  }

  @Test
  void nothingIsReadBehindTheRows() {
    try (VectorBackend backend = new VectorBackend(new Team(1));
        Scope scope = new Scope(backend, "test");
        Arena arena = Arena.ofConfined()) {
      Tensor wide = random(scope, arena, DType.F16, 6, 48);
      float[] values = wide.toFloats();
      Tensor w = wide.columns(16, 32);
      float[] x = new float[16];
      for (int i = 0; i < 6; i++) { // what a row has on both sides would spoil any sum
        for (int j = 0; j < 48; j++) {
          if (j < 16 || j >= 32) {
            assertThat(values[48 * i + j]).isNotNaN();
            set(wide, i, j);
          }
        }
      }
      x[3] = 2;
      Tensor y = scope.of(new float[6], 1, 6);
      new RowsProduct(new Team(1), MachineCode.isa()).multiply(scope.of(x, 1, 16), w, 1, y, false);
      for (int i = 0; i < 6; i++) {
        assertThat(y.toFloats()[i]).isEqualTo(2 * values[48 * i + 19]);
      }
    }
  }

  private static void set(Tensor t, int row, int column) {
    Window.putShort(Pieces.address(t, row, column), Float.floatToFloat16(Float.NaN));
  }

  @Test
  void specialValuesTravelAsInPlainLoops() {
    int[] f16 = {0, 0x8000, 1, 0x83FF, 0x7C00, 0xFC00, 0x7E00, 0x7BFF};
    int[] bf16 = {0, 0x8000, 1, 0x807F, 0x7F80, 0xFF80, 0x7FC0, 0x7F7F};
    for (Optional<Isa> isa : List.of(Optional.<Isa>empty(), MachineCode.isa())) {
      for (DType dtype : List.of(DType.F16, DType.BF16)) {
        try (VectorBackend backend = new VectorBackend(new Team(1));
            Scope scope = new Scope(backend, "test");
            Arena arena = Arena.ofConfined()) {
          Tensor w = random(scope, arena, dtype, 8, 32);
          for (int i = 0; i < 8; i++) {
            int bits = dtype == DType.F16 ? f16[i] : bf16[i];
            Window.putShort(Pieces.address(w, i, 2 * i), (short) bits);
          }
          Tensor x = scope.of(normal(64), 2, 32);
          Tensor y = scope.of(new float[16], 2, 8);
          new RowsProduct(new Team(1), isa).multiply(x, w, 1, y, false);
          assertThat(y.toFloats()).isEqualTo(expected(x, w)).contains(Float.NaN);
        }
      }
    }
  }

  @Test
  void rowsInRotaryPairsComeOutInOrder() {
    Optional<Isa> isa = MachineCode.isa();
    assumeTrue(isa.isPresent(), MachineCode.description());
    try (VectorBackend backend = new VectorBackend(new Team(1));
        Scope scope = new Scope(backend, "test");
        Arena arena = Arena.ofConfined()) {
      Tensor w = random(scope, arena, DType.BF16, 16, 32);
      Tensor x = scope.of(normal(96), 3, 32);
      Tensor y = scope.of(new float[48], 3, 16);
      FloatRows pairs = FloatRowsProduct.rows(w).orElseThrow().in(new StoredOrder(8));
      new FloatRowsProduct(new Team(1), isa.get()).multiply(x, pairs, 16, 1, y, false);
      float[] expected = expected(x, w);
      for (int i = 0; i < 48; i++) {
        int inHead = i % 8;
        int stored = i - inHead + (inHead < 4 ? 2 * inHead : 2 * (inHead - 4) + 1);
        assertThat(y.toFloats()[i]).isEqualTo(expected[stored]);
      }
    }
  }

  private static float[] added(float[] y, float alpha) {
    float[] sum = new float[y.length];
    for (int i = 0; i < y.length; i++) {
      sum[i] = Math.fma(alpha, y[i], y[i]);
    }
    return sum;
  }

  /** The definition: sixteen partial sums and the tree over them. */
  private static float[] expected(Tensor x, Tensor w) {
    float[] a = x.toFloats();
    float[] b = w.toFloats();
    int k = x.cols();
    float[] y = new float[x.rows() * w.rows()];
    for (int i = 0; i < x.rows(); i++) {
      for (int j = 0; j < w.rows(); j++) {
        float[] p = new float[16];
        for (int c = 0; c < k; c++) {
          p[c % 16] = Math.fma(b[j * k + c], a[i * k + c], p[c % 16]);
        }
        for (int half = 8; half > 0; half /= 2) {
          for (int c = 0; c < half; c++) {
            p[c] += p[c + half];
          }
        }
        y[i * w.rows() + j] = p[0];
      }
    }
    return y;
  }

  private static Tensor random(Scope scope, Arena arena, DType dtype, int n, int k) {
    SplittableRandom random = new SplittableRandom(31L * n + k);
    MemorySegment memory = arena.allocate((long) n * k * dtype.bytes(), 64);
    for (long i = 0; i < (long) n * k; i++) {
      float v = (float) random.nextGaussian();
      switch (dtype) {
        case F32 -> memory.setAtIndex(ValueLayout.JAVA_FLOAT, i, v);
        case F16 -> memory.setAtIndex(ValueLayout.JAVA_SHORT, i, Float.floatToFloat16(v));
        default ->
            memory.setAtIndex(ValueLayout.JAVA_SHORT, i, (short) (Float.floatToIntBits(v) >> 16));
      }
    }
    return scope.map(memory, dtype, n, k);
  }

  private static float[] normal(int size) {
    SplittableRandom random = new SplittableRandom(size);
    float[] values = new float[size];
    for (int i = 0; i < size; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }
}
