// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import llmengine.engine.CodeLayout;
import llmengine.engine.CodedRows;
import llmengine.engine.Scope;
import llmengine.engine.StoredOrder;
import llmengine.engine.Tensor;
import llmengine.engine.cpu.x86.Isa;
import llmengine.engine.cpu.x86.MachineCode;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** Machine code of every kind that this processor runs, and vectors, against plain loops. */
class CodedProductTest {
  private static final Map<String, CodeLayout> LAYOUTS =
      Map.of(
          "Q8_0", new CodeLayout.Bytes(34, 0, 2),
          "Q4_0", new CodeLayout.Nibbles(18, 0, -1, -1, 2, 8),
          "Q4_1", new CodeLayout.Nibbles(20, 0, 2, -1, 4, 0),
          "Q5_0", new CodeLayout.Nibbles(22, 0, -1, 2, 6, 16),
          "Q5_1", new CodeLayout.Nibbles(24, 0, 2, 4, 8, 0),
          "Q4_K", new CodeLayout.SuperNibbles(144, 0, 2, 4, -1, 16),
          "Q5_K", new CodeLayout.SuperNibbles(176, 0, 2, 4, 16, 48),
          "Q6_K", new CodeLayout.SixBits(210, 0, 128, 192, 208));

  @TempDir Path directory;

  private static final int[] TOKENS = {1, 2, 3, 4, 7, 16};

  @TestFactory
  Stream<DynamicTest> equalsPlainLoopsBitForBit() {
    List<Optional<Isa>> kinds = new ArrayList<>(List.of(Optional.empty()));
    for (Isa isa : Isa.values()) {
      if (MachineCode.available().contains(isa)) {
        kinds.add(Optional.of(isa));
      }
    }
    return LAYOUTS.entrySet().stream()
        .flatMap(
            layout ->
                kinds.stream()
                    .map(
                        isa ->
                            DynamicTest.dynamicTest(
                                layout.getKey() + " " + isa.map(Isa::name).orElse("portable"),
                                () -> compare(layout.getValue(), isa))));
  }

  @Test
  void rowsInRotaryPairsComeOutInOrder() {
    try (VectorBackend backend = new VectorBackend(new Team(1));
        Scope scope = new Scope(backend, "test");
        Arena arena = Arena.ofConfined()) {
      CodedRows stored = random(LAYOUTS.get("Q8_0"), 16, 2, arena);
      Tensor x = scope.of(normal(64), 1, 64);
      float[] expected = expected(x, stored, 16);
      Tensor y = scope.of(new float[16], 1, 16);
      new CodedProduct(new Team(1), MachineCode.isa())
          .multiply(x, stored.in(new StoredOrder(8)), 16, 1, y, false);
      for (int head = 0; head < 16; head += 8) {
        for (int i = 0; i < 8; i++) {
          int from = head + (i < 4 ? 2 * i : 2 * (i - 4) + 1);
          assertThat(y.toFloats()[head + i]).isEqualTo(expected[from]);
        }
      }
    }
  }

  @Test
  void aTokenThatIsNotFiniteGivesNoNumber() {
    for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
      try (VectorBackend backend = new VectorBackend(new Team(1));
          Scope scope = new Scope(backend, "test");
          Arena arena = Arena.ofConfined()) {
        float[] values = normal(128);
        values[70] = bad;
        Tensor x = scope.of(values, 2, 64);
        Tensor y = scope.of(new float[6], 2, 3);
        CodedRows rows = random(LAYOUTS.get("Q4_1"), 3, 2, arena);
        new CodedProduct(new Team(1), MachineCode.isa()).multiply(x, rows, 3, 1, y, false);
        assertThat(Arrays.copyOf(y.toFloats(), 3)).doesNotContain(Float.NaN);
        assertThat(Arrays.copyOfRange(y.toFloats(), 3, 6)).containsOnly(Float.NaN);
      }
    }
  }

  /** The same products in processes with other vectors, with machine code and without. */
  @Test
  void processesWithoutMachineCodeGiveTheSameBits() throws IOException, InterruptedException {
    String here = products(MachineCode.isa());
    for (String bits : List.of("128", "256")) {
      for (String code : List.of("off", "auto")) {
        String line = forked("-Dengine.vectorBits=" + bits, "-Dengine.machineCode=" + code);
        String kind = code.equals("off") ? "portable" : kind(MachineCode.isa());
        assertThat(line).as("%s, %s bits", code, bits).isEqualTo(kind + " " + here);
      }
    }
  }

  private String forked(String... properties) throws IOException, InterruptedException {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx256m",
                "-XX:+UseSerialGC",
                "--add-modules=jdk.incubator.vector",
                "--enable-native-access=ALL-UNNAMED"));
    command.addAll(List.of(properties));
    command.addAll(
        List.of("-cp", System.getProperty("java.class.path"), CodedProductTest.class.getName()));
    Path out = directory.resolve("out.txt");
    Path log = directory.resolve("log.txt");
    Process process =
        new ProcessBuilder(command)
            .redirectOutput(out.toFile())
            .redirectError(log.toFile())
            .start();
    assertThat(process.waitFor(120, TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).as(Files.readString(log)).isZero();
    return Files.readString(out).strip();
  }

  public static void main(String[] args) {
    System.out.println(kind(MachineCode.isa()) + " " + products(MachineCode.isa()));
  }

  private static String kind(Optional<Isa> isa) {
    return isa.map(Isa::name).orElse("portable");
  }

  /** A hash of the products of every layout, in their names' order. */
  private static String products(Optional<Isa> isa) {
    int hash = 1;
    try (VectorBackend backend = new VectorBackend(new Team(1));
        Team team = new Team(2);
        Scope scope = new Scope(backend, "test");
        Arena arena = Arena.ofConfined()) {
      for (CodeLayout layout : new TreeMap<>(LAYOUTS).values()) {
        Tensor x = scope.of(normal(5 * 512), 5, 512);
        Tensor y = scope.of(new float[5 * 7], 5, 7);
        new CodedProduct(team, isa).multiply(x, random(layout, 7, 16, arena), 7, 1, y, false);
        hash = 31 * hash + Arrays.hashCode(y.toFloats());
      }
    }
    return Integer.toHexString(hash);
  }

  private static void compare(CodeLayout layout, Optional<Isa> isa) {
    int[] sizes = layout.blockValues() == 32 ? new int[] {1, 3, 8, 13, 18, 32} : new int[] {8, 24};
    try (VectorBackend backend = new VectorBackend(new Team(2));
        Team team = new Team(2);
        Scope scope = new Scope(backend, "test");
        Arena arena = Arena.ofConfined()) {
      CodedProduct product = new CodedProduct(team, isa);
      for (int blocks : sizes) {
        for (int n : new int[] {1, 2, 5, 64}) {
          CodedRows rows = random(layout, n, blocks, arena);
          for (int m : TOKENS) {
            Tensor x = scope.of(normal(m * 32 * blocks), m, 32 * blocks);
            Tensor y = scope.of(normal(m * n), m, n);
            Tensor z = scope.of(y.toFloats(), m, n);
            product.multiply(x, rows, n, 1, y, false);
            assertThat(y.toFloats())
                .as("%d blocks, %d rows, %d tokens", blocks, n, m)
                .isEqualTo(expected(x, rows, n));
            float[] old = z.toFloats();
            product.multiply(x, rows, n, 0.5f, z, true);
            assertThat(z.toFloats()).isEqualTo(added(old, y.toFloats()));
          }
        }
      }
    }
  }

  private static float[] added(float[] old, float[] y) {
    for (int i = 0; i < y.length; i++) {
      old[i] = Math.fma(0.5f, y[i], old[i]);
    }
    return old;
  }

  private static float[] expected(Tensor x, CodedRows rows, int n) {
    ScalarCodedProduct scalar = new ScalarCodedProduct();
    float[] values = x.toFloats();
    float[] y = new float[x.rows() * n];
    for (int i = 0; i < x.rows(); i++) {
      float[] token = Arrays.copyOfRange(values, i * x.cols(), (i + 1) * x.cols());
      for (int j = 0; j < n; j++) {
        y[i * n + j] = scalar.dot(token, rows, j);
      }
    }
    return y;
  }

  /** Any codes, finite scales, and nothing readable behind the last row but this allocation's. */
  private static CodedRows random(CodeLayout layout, int n, int blocks, Arena arena) {
    SplittableRandom random = new SplittableRandom(31L * n + blocks);
    int perRow = blocks * 32 / layout.blockValues();
    long rowBytes = (long) perRow * layout.blockBytes();
    MemorySegment memory = arena.allocate(n * rowBytes);
    for (long i = 0; i < memory.byteSize(); i++) {
      memory.set(ValueLayout.JAVA_BYTE, i, (byte) random.nextInt());
    }
    for (long block = 0; block < (long) n * perRow; block++) {
      for (int at : halves(layout)) {
        short half = Float.floatToFloat16((float) random.nextDouble(-0.1, 0.1));
        memory.set(ValueLayout.JAVA_SHORT_UNALIGNED, block * layout.blockBytes() + at, half);
      }
    }
    return new CodedRows(layout, memory.address(), rowBytes, 32 * blocks);
  }

  private static int[] halves(CodeLayout layout) {
    return switch (layout) {
      case CodeLayout.Bytes l -> new int[] {l.scaleAt()};
      case CodeLayout.Nibbles l when l.minimumAt() < 0 -> new int[] {l.scaleAt()};
      case CodeLayout.Nibbles l -> new int[] {l.scaleAt(), l.minimumAt()};
      case CodeLayout.SuperNibbles l -> new int[] {l.scaleAt(), l.minimumAt()};
      case CodeLayout.SixBits l -> new int[] {l.scaleAt()};
    };
  }

  private static float[] normal(int size) {
    SplittableRandom random = new SplittableRandom(size);
    float[] values = new float[size];
    for (int i = 0; i < size; i++) {
      // some blocks of zeros and of tiny values
      float factor = i / 32 % 7 == 3 ? 0 : i / 32 % 7 == 5 ? 1e-38f : 1;
      values[i] = factor * (float) random.nextGaussian();
    }
    return values;
  }
}
