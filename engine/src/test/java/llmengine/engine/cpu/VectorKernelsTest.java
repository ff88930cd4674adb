// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.List;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import org.junit.jupiter.api.Test;

/** The laws of {@link VectorBackend}: near the reference, and one order of summation. */
class VectorKernelsTest {
  @Test
  void everyOpIsNearTheReference() {
    List<KernelCases.Result> expected = KernelCases.run(new ScalarBackend());
    List<KernelCases.Result> actual = KernelCases.run(new VectorBackend(new Team(2)));
    assertThat(actual).hasSameSizeAs(expected);
    for (int i = 0; i < expected.size(); i++) {
      compare(expected.get(i), actual.get(i));
    }
  }

  private static void compare(KernelCases.Result expected, KernelCases.Result actual) {
    float[] want = expected.values();
    float[] got = actual.values();
    assertThat(got).as(expected.name()).hasSameSizeAs(want);
    double norm = 0;
    for (float value : want) {
      norm = Math.max(norm, Math.abs(value));
    }
    for (int i = 0; i < want.length; i++) {
      double error = Math.abs((double) got[i] - want[i]);
      assertThat(error)
          .as("%s [%d]: expected %s, got %s", expected.name(), i, want[i], got[i])
          .isLessThanOrEqualTo(4e-6 * norm + 3e-6 * Math.abs(want[i]) + 1e-7);
    }
  }

  @Test
  void threadCountDoesNotChangeABit() {
    long one = KernelCases.hash(KernelCases.run(new VectorBackend(new Team(1))));
    Team three = new Team(3);
    assertThat(KernelCases.hash(KernelCases.run(new VectorBackend(three)))).isEqualTo(one);
    three.close();
  }

  @Test
  void vectorWidthDoesNotChangeABit() throws Exception {
    String own = "hash " + KernelCases.hash(KernelCases.run(new VectorBackend(new Team(1))));
    for (int bits = 128; bits <= widest(); bits *= 2) {
      if (bits != Lanes.BITS) {
        assertThat(fork(bits)).as("vectors of %d bits", bits).isEqualTo(own);
      }
    }
  }

  private static int widest() {
    return Math.min(512, jdk.incubator.vector.FloatVector.SPECIES_PREFERRED.vectorBitSize());
  }

  private static String fork(int bits) throws Exception {
    Process process =
        new ProcessBuilder(
                ProcessHandle.current().info().command().orElseThrow(),
                "--add-modules=jdk.incubator.vector",
                "--enable-native-access=ALL-UNNAMED",
                "-Xmx512m",
                "-Dengine.vectorBits=" + bits,
                "-cp",
                System.getProperty("java.class.path"),
                KernelCases.class.getName())
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as("exit status of the forked process").isZero();
    return output.strip();
  }

  @Test
  void generatedTokensDoNotDependOnHowManyComeTogether() {
    try (Team team = new Team(2);
        Scope scope = new Scope(new VectorBackend(team), "rows")) {
      Tensor x = scope.of(noise(9 * 130), 9, 130);
      Tensor w = scope.empty(DType.BF16, 50, 130).set(noise(50 * 130));
      Tensor together = scope.empty(DType.F32, 9, 50);
      scope.backend().matmulRows(x, w, 1, together, false);
      for (int m = 0; m < 9; m++) {
        Tensor alone = scope.empty(DType.F32, 1, 50);
        scope.backend().matmulRows(x.rows(m, m + 1), w, 1, alone, false);
        assertThat(alone.toFloats()).isEqualTo(together.rows(m, m + 1).toFloats());
      }
    }
  }

  @Test
  void nonFiniteValuesArePropagated() {
    try (Team team = new Team(1);
        Scope scope = new Scope(new VectorBackend(team), "nan")) {
      float[] values = noise(20 * 40);
      values[5 * 40 + 3] = Float.NaN;
      Tensor x = scope.of(values, 20, 40);
      Tensor w = scope.of(noise(30 * 40), 30, 40);
      Tensor y = scope.empty(DType.F32, 20, 30);
      scope.backend().matmulNT(x, w, 1, y, false);
      float[] product = y.toFloats();
      for (int i = 0; i < product.length; i++) {
        assertThat(Float.isNaN(product[i])).isEqualTo(i / 30 == 5);
      }
      assertThat(scope.backend().firstNonFiniteRow(x)).isEqualTo(5);
    }
  }

  private static float[] noise(int n) {
    java.util.Random random = new java.util.Random(n);
    float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }
}
