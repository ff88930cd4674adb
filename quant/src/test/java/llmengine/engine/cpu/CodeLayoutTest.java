// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import llmengine.engine.BlockFormat;
import llmengine.engine.BlockFormats;
import llmengine.engine.CodedRows;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.engine.cpu.x86.Isa;
import llmengine.engine.cpu.x86.MachineCode;
import llmengine.engine.file.GgufType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What a format says about its codes is what it decodes: products by {@link BlockFormat#layout}, in
 * plain loops, in vectors and in machine code, against the matrix that {@link BlockFormat#decode}
 * gives.
 */
class CodeLayoutTest {
  private static final int N = 6;
  private static final int K = 512;
  private static final int BLOCK = 32;

  @TempDir Path directory;

  /** (M, N) from x (M, K) and coded rows. */
  private interface Product {
    float[] of(float[] x, int m, CodedRows rows);
  }

  static Stream<String> formats() {
    return Arrays.stream(GgufType.values())
        .map(GgufType::name)
        .filter(n -> BlockFormats.named(n).flatMap(BlockFormat::layout).isPresent());
  }

  @Test
  void theseFormatsHaveALayout() {
    assertThat(formats())
        .containsExactlyInAnyOrder("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K");
  }

  @ParameterizedTest
  @MethodSource("formats")
  void productsSeeWhatDecodingGives(String name) {
    compare(name);
  }

  /** The comparison again, in a process whose vectors have another width. */
  @ParameterizedTest
  @ValueSource(strings = {"-Dengine.vectorBits=128", "-Dengine.vectorBits=256"})
  void whateverTheWidth(String property) throws IOException, InterruptedException {
    Path log = Files.createTempFile(directory, "layout", ".log");
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx256m",
                "-XX:+UseSerialGC",
                "--add-modules=jdk.incubator.vector",
                "--enable-native-access=ALL-UNNAMED",
                property,
                "-cp",
                System.getProperty("java.class.path"),
                CodeLayoutTest.class.getName())
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start();
    assertThat(process.waitFor(120, TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).as(Files.readString(log)).isZero();
  }

  public static void main(String[] args) {
    formats().forEach(CodeLayoutTest::compare);
  }

  private static void compare(String name) {
    BlockFormat format = BlockFormats.named(name).orElseThrow();
    for (int seed = 0; seed < 3; seed++) {
      Random random = new Random(seed);
      byte[] bytes = finite(format, random);
      float[] decoded = new float[N * K];
      format.decode(MemorySegment.ofArray(bytes), 0, decoded, 0, N * K / format.blockValues());
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment memory = arena.allocate(bytes.length, 64);
        MemorySegment.copy(MemorySegment.ofArray(bytes), 0, memory, 0, bytes.length);
        long rowBytes = bytes.length / N;
        CodedRows rows =
            new CodedRows(format.layout().orElseThrow(), memory.address(), rowBytes, K);
        float[] x = normal(5 * K, random);
        oneHot(name + " plain loops", CodeLayoutTest::plain, rows, decoded);
        rounded(name + " plain loops", CodeLayoutTest::plain, rows, decoded, x);
        for (Optional<Isa> isa : kinds()) {
          String label = name + " " + isa.map(Isa::name).orElse("portable");
          oneHot(label, fast(isa), rows, decoded);
          rounded(label, fast(isa), rows, decoded, x);
        }
      }
    }
  }

  private static List<Optional<Isa>> kinds() {
    List<Optional<Isa>> kinds = new ArrayList<>(List.of(Optional.empty()));
    MachineCode.available().forEach(isa -> kinds.add(Optional.of(isa)));
    return kinds;
  }

  /** Any bytes whose values are finite: blocks are drawn until they are. */
  private static byte[] finite(BlockFormat format, Random random) {
    int size = format.blockBytes();
    byte[] bytes = new byte[N * K / format.blockValues() * size];
    byte[] block = new byte[size];
    float[] values = new float[format.blockValues()];
    for (int at = 0; at < bytes.length; at += size) {
      do {
        random.nextBytes(block);
        format.decode(MemorySegment.ofArray(block), 0, values, 0, 1);
      } while (!allFinite(values));
      System.arraycopy(block, 0, bytes, at, size);
    }
    return bytes;
  }

  private static boolean allFinite(float[] values) {
    for (float value : values) {
      if (!Float.isFinite(value)) {
        return false;
      }
    }
    return true;
  }

  /** The unit vectors times 127, whose scale is 1 and whose code is 127. */
  private static void oneHot(String label, Product product, CodedRows rows, float[] decoded) {
    float[] x = new float[K * K];
    for (int k = 0; k < K; k++) {
      x[k * K + k] = 127;
    }
    float[] y = product.of(x, K, rows);
    for (int j = 0; j < N; j++) {
      for (int k = 0; k < K; k++) {
        // scale, code and minimum are rounded before they cancel: measure by the block's greatest
        float most = 0;
        for (int i = k / BLOCK * BLOCK; i < (k / BLOCK + 1) * BLOCK; i++) {
          most = Math.max(most, Math.abs(decoded[j * K + i]));
        }
        check(label + " one-hot", j, k, y[k * N + j] / 127.0, decoded[j * K + k], 4e-6 * most);
      }
    }
  }

  private static void rounded(
      String label, Product product, CodedRows rows, float[] decoded, float[] x) {
    int m = x.length / K;
    float[] y = product.of(x, m, rows);
    double[] near = new double[x.length];
    for (int b = 0; b < x.length; b += BLOCK) {
      float max = 0;
      for (int i = b; i < b + BLOCK; i++) {
        max = Math.max(max, Math.abs(x[i]));
      }
      for (int i = b; i < b + BLOCK; i++) {
        near[i] = Math.rint(x[i] * (127 / max)) * (double) (max / 127);
      }
    }
    for (int i = 0; i < m; i++) {
      for (int j = 0; j < N; j++) {
        double sum = 0;
        double size = 0;
        for (int k = 0; k < K; k++) {
          double term = decoded[j * K + k] * near[i * K + k];
          sum += term;
          size += Math.abs(term);
        }
        check(label + " rounded", j, i, y[i * N + j], sum, 4e-6 * size);
      }
    }
  }

  private static void check(String label, int row, int at, double y, double want, double most) {
    if (!(Math.abs(y - want) <= most)) {
      throw new AssertionError(
          "%s, row %d, %d: expected %s within %s, got %s".formatted(label, row, at, want, most, y));
    }
  }

  private static float[] plain(float[] x, int m, CodedRows rows) {
    ScalarCodedProduct scalar = new ScalarCodedProduct();
    float[] y = new float[m * N];
    for (int i = 0; i < m; i++) {
      float[] token = Arrays.copyOfRange(x, i * K, (i + 1) * K);
      for (int j = 0; j < N; j++) {
        y[i * N + j] = scalar.dot(token, rows, j);
      }
    }
    return y;
  }

  private static Product fast(Optional<Isa> isa) {
    return (x, m, rows) -> {
      try (Team team = new Team(1);
          VectorBackend backend = new VectorBackend(new Team(1));
          Scope scope = new Scope(backend, "test")) {
        Tensor y = scope.of(new float[m * N], m, N);
        new CodedProduct(team, isa).multiply(scope.of(x, m, K), rows, N, 1, y, false);
        return y.toFloats();
      }
    };
  }

  private static float[] normal(int size, Random random) {
    float[] x = new float[size];
    for (int i = 0; i < size; i++) {
      x[i] = (float) random.nextGaussian();
    }
    return x;
  }
}
