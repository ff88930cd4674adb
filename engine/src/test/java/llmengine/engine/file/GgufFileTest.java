package llmengine.engine.file;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import llmengine.engine.FormatException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class GgufFileTest {
  @TempDir Path dir;

  private static byte[] good(int version) {
    return GgufBytes.header(version, 3, 16)
        .key("general.alignment", 4)
        .int32(64)
        .key("u8", 0)
        .int8(200)
        .key("i8", 1)
        .int8(-3)
        .key("u16", 2)
        .little(60_000, 2)
        .key("i16", 3)
        .little(-300, 2)
        .key("i32", 5)
        .int32(-70_000)
        .key("f32", 6)
        .int32(Float.floatToIntBits(1.5f))
        .key("bool", 7)
        .int8(1)
        .key("text", 8)
        .string("gr\u00fc\u00df")
        .key("u64", 10)
        .int64(1L << 40)
        .key("i64", 11)
        .int64(-1)
        .key("f64", 12)
        .int64(Double.doubleToLongBits(0.1))
        .key("ints", 9)
        .int32(5)
        .int64(2)
        .int32(7)
        .int32(-8)
        .key("floats", 9)
        .int32(6)
        .int64(1)
        .int32(Float.floatToIntBits(-2f))
        .key("texts", 9)
        .int32(8)
        .int64(2)
        .string("a")
        .string("")
        .key("nested", 9)
        .int32(9)
        .int64(1)
        .int32(7)
        .int64(2)
        .int8(0)
        .int8(1)
        .tensor("w", 0, 0, 3, 2)
        .tensor("q", 8, 64, 32, 2)
        .tensor("scalar", 30, 192)
        .pad(64)
        .data(24)
        .pad(64)
        .data(68)
        .pad(64)
        .data(2)
        .bytes();
  }

  private static GgufHeader.Parsed parse(byte[] bytes) {
    return GgufHeader.parse("x.gguf", MemorySegment.ofArray(bytes));
  }

  @Test
  void readsEveryValueType() {
    for (int version : new int[] {2, 3}) {
      GgufHeader.Parsed head = parse(good(version));
      Map<String, Object> m = head.metadata();
      assertThat(head.version()).isEqualTo(version);
      assertThat(head.alignment()).isEqualTo(64);
      assertThat(m)
          .containsEntry("u8", 200L)
          .containsEntry("i8", -3L)
          .containsEntry("u16", 60_000L)
          .containsEntry("i16", -300L)
          .containsEntry("i32", -70_000L)
          .containsEntry("f32", 1.5f)
          .containsEntry("bool", true)
          .containsEntry("text", "gr\u00fc\u00df")
          .containsEntry("u64", 1L << 40)
          .containsEntry("i64", -1L)
          .containsEntry("f64", 0.1)
          .containsEntry("texts", List.of("a", ""));
      assertThat((long[]) m.get("ints")).containsExactly(7, -8);
      assertThat((float[]) m.get("floats")).containsExactly(-2f);
      assertThat((boolean[]) ((List<?>) m.get("nested")).getFirst()).containsExactly(false, true);
    }
  }

  @Test
  void mapsTensorsAndNamesTheOneItCannotDecode() throws IOException {
    Path path = Files.write(dir.resolve("m.gguf"), good(3));
    try (GgufFile file = GgufFile.open(path)) {
      assertThat(file.tensors().keySet()).containsExactly("w", "q", "scalar");
      GgufTensor w = file.tensor("w");
      assertThat(w.shape()).containsExactly(2, 3);
      assertThat(w.position() % 64).isZero();
      assertThat(w.data().byteSize()).isEqualTo(24);
      assertThat(w.data().get(ValueLayout.JAVA_BYTE, 23)).isEqualTo((byte) 23);
      assertThat(file.tensor("q").data().byteSize()).isEqualTo(68);
      assertThat(file.tensor("scalar").count()).isEqualTo(1);
      // no decoders are on this module's class path
      assertThatThrownBy(() -> file.format(file.tensor("q")))
          .isInstanceOf(FormatException.class)
          .hasMessageContaining("tensor \"q\": type not supported yet")
          .hasMessageContaining("got Q8_0");
      assertThatThrownBy(() -> file.tensor("v"))
          .isInstanceOf(FormatException.class)
          .hasMessageContaining("no tensor \"v\"");
    }
  }

  static Stream<Arguments> hostile() {
    return Stream.of(
        Arguments.of(new GgufBytes().text("GGML").bytes(), "not a GGUF file"),
        Arguments.of(GgufBytes.header(1, 0, 0).bytes(), "unsupported GGUF version"),
        Arguments.of(GgufBytes.header(3 << 24, 0, 0).bytes(), "a big-endian file"),
        Arguments.of(GgufBytes.header(3, 1, 0).bytes(), "bad tensor count"),
        Arguments.of(GgufBytes.header(3, -1, 0).data(99).bytes(), "bad tensor count"),
        Arguments.of(GgufBytes.header(3, 0, 1L << 60).data(99).bytes(), "bad metadata count"),
        Arguments.of(pair().int64(1L << 62).data(50).bytes(), "metadata key 0 length"),
        Arguments.of(pair().key("k", 13).data(50).bytes(), "unknown value type"),
        Arguments.of(pair().key("k", 7).int8(2).bytes(), "bad bool"),
        Arguments.of(pair().key("k", 10).int64(-1).bytes(), "metadata k: too large"),
        Arguments.of(pair().key("k", 8).int64(-1).bytes(), "metadata k length"),
        Arguments.of(pair().key("k", 8).int64(1).int8(0xff).bytes(), "UTF-8"),
        Arguments.of(pair().key("k", 9).int32(8).int64(1L << 31).bytes(), "bad metadata k length"),
        Arguments.of(pair().key("k", 9).int32(99).int64(0).bytes(), "unknown element type"),
        Arguments.of(nested(5).bytes(), "arrays too deep"),
        Arguments.of(pair().key("general.alignment", 4).int32(0).bytes(), "a power of two"),
        Arguments.of(pair().key("general.alignment", 4).int32(48).bytes(), "a power of two"),
        Arguments.of(pair().key("general.alignment", 8).string("32").bytes(), "a power of two"),
        Arguments.of(
            GgufBytes.header(3, 0, 2).key("k", 0).int8(1).key("k", 0).int8(1).bytes(),
            "a second one"),
        Arguments.of(one(0, 0, 1, 1, 1, 1, 1), "bad number of dimensions"),
        Arguments.of(one(4, 0, 32), "unknown type"),
        Arguments.of(one(77, 0, 32), "unknown type"),
        Arguments.of(one(0, 8, 4), "bad offset"),
        Arguments.of(one(0, -32, 4), "bad offset"),
        Arguments.of(one(0, 1L << 62, 4), "truncated file"),
        Arguments.of(one(0, 64, 1), "truncated file"),
        Arguments.of(one(0, 0, 17), "truncated file"),
        Arguments.of(one(0, 0, -4), "bad shape"),
        Arguments.of(one(2, 0, 33), "rows of a multiple of 32 values for Q4_0"),
        Arguments.of(one(0, 0, 1L << 40, 1L << 40), "fewer than 2^63"),
        Arguments.of(one(0, 0, 1L << 62), "fewer than 2^63"),
        Arguments.of(
            GgufBytes.header(3, 2, 0)
                .tensor("a", 0, 0, 9)
                .tensor("b", 0, 32, 4)
                .pad(32)
                .data(64)
                .bytes(),
            "tensor \"b\": overlaps"),
        Arguments.of(
            GgufBytes.header(3, 2, 0)
                .tensor("a", 0, 0, 4)
                .tensor("a", 0, 32, 4)
                .pad(32)
                .data(64)
                .bytes(),
            "tensor \"a\": expected one entry"));
  }

  private static GgufBytes pair() {
    return GgufBytes.header(3, 0, 1);
  }

  private static GgufBytes nested(int depth) {
    GgufBytes bytes = pair().key("k", 9);
    for (int i = 1; i < depth; i++) {
      bytes.int32(9).int64(1);
    }
    return bytes.int32(0).int64(1).int8(1);
  }

  private static byte[] one(int type, long offset, long... ne) {
    return GgufBytes.header(3, 1, 0).tensor("a", type, offset, ne).pad(32).data(64).bytes();
  }

  @ParameterizedTest(name = "{1}")
  @MethodSource
  void hostile(byte[] bytes, String message) {
    assertThatThrownBy(() -> parse(bytes))
        .isInstanceOf(FormatException.class)
        .hasMessageStartingWith("x.gguf: ")
        .hasMessageContaining(message)
        .hasMessageContaining("expected");
  }

  @Test
  void everyTruncationIsRefused() {
    byte[] whole = good(3);
    for (int n = 0; n < whole.length; n++) {
      byte[] cut = Arrays.copyOf(whole, n);
      assertThatThrownBy(() -> parse(cut)).isInstanceOf(FormatException.class);
    }
  }

  @Test
  void mutatedBytesThrowNothingButFormatException() {
    byte[] whole = good(3);
    Random random = new Random(2);
    for (int round = 0; round < 50_000; round++) {
      byte[] bytes = whole.clone();
      for (int i = random.nextInt(4); i >= 0; i--) {
        bytes[random.nextInt(bytes.length)] =
            (byte) (random.nextBoolean() ? random.nextInt() : 255 * random.nextInt(2));
      }
      try {
        for (GgufTensor tensor : parse(bytes).tensors().values()) {
          assertThat(tensor.data().byteSize())
              .isEqualTo(tensor.count() / tensor.type().blockValues() * tensor.type().blockBytes());
        }
      } catch (FormatException expected) {
        assertThat(expected).hasMessageStartingWith("x.gguf: ");
      }
    }
  }
}
