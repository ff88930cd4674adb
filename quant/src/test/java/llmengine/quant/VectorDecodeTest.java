package llmengine.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import llmengine.engine.BlockFormat;
import llmengine.engine.BlockFormats;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Native memory is decoded with vectors, arrays by the reference: the bits are the same for any
 * bytes, at every vector width, at any alignment, and within the given memory only.
 */
class VectorDecodeTest {
  @TempDir Path directory;

  static Stream<String> formats() {
    return BlockFormatTest.formats();
  }

  @ParameterizedTest
  @MethodSource("formats")
  void equalsTheReferenceBitForBit(String name) {
    compare(name);
  }

  private static void compare(String name) {
    BlockFormat format = BlockFormats.named(name).orElseThrow();
    int blocks = format.blockValues() == 1 ? 1037 : 37;
    byte[] bytes = new byte[blocks * format.blockBytes()];
    for (int seed = 0; seed < 20; seed++) {
      new Random(seed).nextBytes(bytes);
      float[] expected = new float[blocks * format.blockValues()];
      format.decode(MemorySegment.ofArray(bytes), 0, expected, 0, blocks);
      try (Arena arena = Arena.ofConfined()) {
        // the memory ends with the last block, and begins at an odd address
        MemorySegment odd = arena.allocate(bytes.length + 3L, 64).asSlice(3);
        MemorySegment.copy(MemorySegment.ofArray(bytes), 0, odd, 0, bytes.length);
        float[] got = new float[expected.length + 16];
        Arrays.fill(got, 7);
        format.decode(odd, 0, got, 5, blocks);
        for (int i = 0; i < got.length; i++) {
          boolean inside = i >= 5 && i < 5 + expected.length;
          int want = Float.floatToIntBits(inside ? expected[i - 5] : 7);
          if (Float.floatToIntBits(got[i]) != want) {
            throw new AssertionError(name + ", value " + i + ": got " + got[i]);
          }
        }
      }
    }
  }

  @Test
  void rangesOutsideTheMemoryAndClosedMemoryAreRefused() {
    for (String name : List.of("Q8_0", "Q4_K", "F16", "BF16", "IQ4_XS")) {
      BlockFormat format = BlockFormats.named(name).orElseThrow();
      Arena arena = Arena.ofShared();
      MemorySegment memory = arena.allocate(4L * format.blockBytes());
      float[] values = new float[4 * format.blockValues()];
      format.decode(memory, 0, values, 0, 4);
      assertThatThrownBy(() -> format.decode(memory, 1, values, 0, 4))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> format.decode(memory, 0, values, 1, 4))
          .isInstanceOf(IndexOutOfBoundsException.class);
      arena.close();
      assertThatThrownBy(() -> format.decode(memory, 0, values, 0, 4))
          .isInstanceOf(IllegalStateException.class);
    }
  }

  /** The comparison again, in a process whose vectors have another width. */
  @ParameterizedTest
  @ValueSource(ints = {128, 256, 512})
  void widthDoesNotChangeABit(int bits) throws IOException, InterruptedException {
    Path log = Files.createTempFile(directory, "decode", ".log");
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx256m",
                "-XX:+UseSerialGC",
                "--add-modules=jdk.incubator.vector",
                "--enable-native-access=ALL-UNNAMED",
                "-Dengine.vectorBits=" + bits,
                "-cp",
                System.getProperty("java.class.path"),
                VectorDecodeTest.class.getName())
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start();
    assertThat(process.waitFor(120, TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).as(Files.readString(log)).isZero();
  }

  public static void main(String[] args) {
    formats().forEach(VectorDecodeTest::compare);
  }
}
