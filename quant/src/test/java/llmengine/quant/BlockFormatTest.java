package llmengine.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.Stream;
import llmengine.engine.BlockFormat;
import llmengine.engine.BlockFormats;
import llmengine.engine.file.GgufType;
import llmengine.engine.file.SafetensorsFile;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class BlockFormatTest {
  /** Every format found by the service loader that GGUF knows. */
  private static BlockFormat format(String name) {
    return BlockFormats.named(name).orElseThrow();
  }

  /** Every type of GGUF that holds weights. */
  static Stream<String> formats() {
    return Arrays.stream(GgufType.values())
        .map(GgufType::name)
        .filter(name -> !name.matches("I8|I16|I32|I64|F64|Q8_1|Q8_K"));
  }

  static Stream<String> formatsWithGoldens() {
    return formats().filter(name -> !name.equals("F32"));
  }

  @ParameterizedTest
  @MethodSource("formats")
  void agreesWithTheContainerAboutSizes(String name) {
    BlockFormat format = format(name);
    GgufType type = GgufType.valueOf(name);
    assertThat(format.ggufType()).isEqualTo(type.id());
    assertThat(format.blockValues()).isEqualTo(type.blockValues());
    assertThat(format.blockBytes()).isEqualTo(type.blockBytes());
    assertThat(BlockFormats.ofGgufType(type.id())).containsSame(format);
  }

  @ParameterizedTest
  @MethodSource("formatsWithGoldens")
  void decodesBitForBitAsTheReference(String name) {
    Path golden = SharedFiles.path("golden/open/F_quant/gguf_" + name + "/golden.safetensors");
    try (SafetensorsFile file = SafetensorsFile.open(golden)) {
      MemorySegment bytes = file.tensor("bytes").data();
      float[] expected =
          file.tensor("dequantised").data().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
      BlockFormat format = format(name);
      float[] decoded = new float[expected.length];
      int blocks = expected.length / format.blockValues();
      format.decode(bytes, 0, decoded, 0, blocks);
      assertSameBits(decoded, expected);
    }
  }

  @ParameterizedTest
  @MethodSource("formats")
  void manyBlocksEqualOneByOneAtAnyOffset(String name) {
    BlockFormat format = format(name);
    // several internal runs and a rest
    int blocks = Math.min(20_001, 70_001 / format.blockBytes());
    byte[] bytes = new byte[3 + blocks * format.blockBytes()];
    new Random(7).nextBytes(bytes);
    MemorySegment src = MemorySegment.ofArray(bytes);
    int block = format.blockValues();
    float[] together = new float[5 + blocks * block + 1];
    float[] single = together.clone();
    format.decode(src, 3, together, 5, blocks);
    for (int i = 0; i < blocks; i++) {
      format.decode(src, 3L + (long) i * format.blockBytes(), single, 5 + i * block, 1);
    }
    assertSameBits(together, single);
    assertThat(Arrays.copyOf(together, 5)).containsOnly(0f);
    assertThat(together[together.length - 1]).isZero();
    format.decode(src, 0, together, 0, 0);
    assertThatThrownBy(() -> format.decode(src, 4, together, 5, blocks))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> format.decode(src, 0, new float[block], 0, 2))
        .isInstanceOf(IndexOutOfBoundsException.class);
  }

  private static void assertSameBits(float[] got, float[] expected) {
    assertThat(got).hasSameSizeAs(expected);
    for (int i = 0; i < got.length; i++) {
      if (Float.floatToIntBits(got[i]) != Float.floatToIntBits(expected[i])) {
        throw new AssertionError("value " + i + ": expected " + expected[i] + ", got " + got[i]);
      }
    }
  }
}
