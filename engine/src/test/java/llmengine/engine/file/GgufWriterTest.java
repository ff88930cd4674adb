package llmengine.engine.file;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import llmengine.engine.FormatException;
import llmengine.engine.file.GgufDatum.Type;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GgufWriterTest {
  @TempDir Path directory;
  private Path file;

  @BeforeEach
  void nameFile() {
    file = directory.resolve("out.gguf");
  }

  @Test
  void everyValueTypeIsReadBack() {
    Map<String, GgufDatum> pairs = new LinkedHashMap<>();
    pairs.put("a", GgufDatum.of(Type.UINT8, 255));
    pairs.put("b", GgufDatum.of(Type.INT8, -128));
    pairs.put("c", GgufDatum.of(Type.UINT16, 65535));
    pairs.put("d", GgufDatum.of(Type.INT16, -32768));
    pairs.put("e", GgufDatum.uint32(0xffff_ffffL));
    pairs.put("f", GgufDatum.of(Type.INT32, Integer.MIN_VALUE));
    pairs.put("g", GgufDatum.of(Type.UINT64, Long.MAX_VALUE));
    pairs.put("h", GgufDatum.of(Type.INT64, Long.MIN_VALUE));
    pairs.put("i", GgufDatum.float32(1.5));
    pairs.put("j", GgufDatum.of(Type.FLOAT64, 0.1));
    pairs.put("k", GgufDatum.bool(true));
    pairs.put("l", GgufDatum.string("Grüße ▁"));
    pairs.put("m", GgufDatum.array(Type.STRING, List.of("x", "")));
    pairs.put("n", GgufDatum.array(Type.INT32, List.of(1, -2)));
    pairs.put("o", GgufDatum.array(Type.FLOAT32, List.of(0.5f)));
    pairs.put("p", GgufDatum.array(Type.BOOL, List.of(true, false)));
    pairs.put(
        "q", GgufDatum.array(Type.ARRAY, List.of(GgufDatum.array(Type.UINT8, List.of(7, 8)))));
    new GgufWriter().write(file, pairs, List.of());
    try (GgufFile read = GgufFile.open(file)) {
      assertThat(read.version()).isEqualTo(3);
      Map<String, Object> got = read.metadata();
      assertThat(got.keySet()).containsExactlyElementsOf(pairs.keySet());
      assertThat(List.of("a", "b", "c", "d", "e", "f", "g", "h").stream().map(got::get))
          .containsExactly(
              255L,
              -128L,
              65535L,
              -32768L,
              0xffff_ffffL,
              (long) Integer.MIN_VALUE,
              Long.MAX_VALUE,
              Long.MIN_VALUE);
      assertThat(List.of("i", "j", "k", "l").stream().map(got::get))
          .containsExactly(1.5f, 0.1, true, "Grüße ▁");
      assertThat(got.get("m")).isEqualTo(List.of("x", ""));
      assertThat((long[]) got.get("n")).containsExactly(1, -2);
      assertThat((float[]) got.get("o")).containsExactly(0.5f);
      assertThat((boolean[]) got.get("p")).containsExactly(true, false);
      assertThat((long[]) ((List<?>) got.get("q")).getFirst()).containsExactly(7, 8);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {32, 64})
  void tensorsComeInPiecesAndStartAligned(int alignment) {
    Map<String, GgufDatum> pairs = Map.of("general.alignment", GgufDatum.uint32(alignment));
    new GgufWriter()
        .write(
            file,
            pairs,
            List.of(
                source("odd", GgufType.F32, new byte[] {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, 3),
                source("blocks", GgufType.Q8_0, new byte[68], 2, 32),
                source("half", GgufType.F16, new byte[] {9, 8}, 1, 1)));
    try (GgufFile read = GgufFile.open(file)) {
      assertThat(read.alignment()).isEqualTo(alignment);
      assertThat(read.tensors().keySet()).containsExactly("odd", "blocks", "half");
      assertThat(read.tensors().values())
          .allSatisfy(t -> assertThat(t.position() % alignment).isZero());
      assertThat(read.tensor("blocks").shape()).containsExactly(2, 32);
      assertThat(read.tensor("odd").data().toArray(ValueLayout.JAVA_BYTE))
          .containsExactly(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
      assertThat(read.tensor("half").data().toArray(ValueLayout.JAVA_BYTE)).containsExactly(9, 8);
    }
  }

  @Test
  void failureLeavesTheOlderFile() throws IOException {
    Files.writeString(file, "older");
    List<GgufSource> wrong =
        List.of(
            new GgufSource(
                "short",
                GgufType.F32,
                new long[] {2},
                out -> out.write(MemorySegment.ofArray(new byte[4]))),
            source("rows", GgufType.Q8_0, new byte[34], 1, 33),
            source("x".repeat(64), GgufType.F32, new byte[4], 1),
            source("deep", GgufType.F32, new byte[4], 1, 1, 1, 1, 1),
            new GgufSource(
                "broken",
                GgufType.F32,
                new long[] {1},
                out -> {
                  throw new IOException("disk full");
                }));
    for (GgufSource tensor : wrong) {
      assertThatThrownBy(() -> new GgufWriter().write(file, Map.of(), List.of(tensor)))
          .isInstanceOf(FormatException.class)
          .hasMessageContaining("expected");
    }
    GgufSource one = source("one", GgufType.F32, new byte[4], 1);
    assertThatThrownBy(() -> new GgufWriter().write(file, Map.of(), List.of(one, one)))
        .isInstanceOf(FormatException.class);
    for (GgufDatum datum :
        List.of(
            GgufDatum.uint32(-1),
            GgufDatum.of(Type.INT8, 128),
            GgufDatum.of(Type.BOOL, 1),
            GgufDatum.array(Type.STRING, List.of(1)),
            GgufDatum.of(Type.ARRAY, 1))) {
      assertThatThrownBy(() -> new GgufWriter().write(file, Map.of("key", datum), List.of()))
          .isInstanceOf(FormatException.class)
          .hasMessageContaining("key");
    }
    assertThat(file).hasContent("older");
    try (var files = Files.list(directory)) {
      assertThat(files).containsExactly(file);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama_f32", "llama_q4_0_q6_k"})
  void recordedFileIsWrittenAgain(String name) throws IOException {
    Path golden = SharedFiles.path("golden/open/G_gguf_file/" + name + "/model.gguf");
    try (GgufFile source = GgufFile.open(golden)) {
      Map<String, GgufDatum> pairs = new LinkedHashMap<>();
      source.metadata().forEach((key, value) -> pairs.put(key, datum(value)));
      List<GgufSource> tensors = new ArrayList<>();
      for (GgufTensor t : source.tensors().values()) {
        tensors.add(new GgufSource(t.name(), t.type(), t.shape(), out -> out.write(t.data())));
      }
      new GgufWriter().write(file, pairs, tensors);
      try (GgufFile copy = GgufFile.open(file)) {
        assertThat(copy.metadata()).usingRecursiveComparison().isEqualTo(source.metadata());
        assertThat(copy.tensors().keySet()).containsExactlyElementsOf(source.tensors().keySet());
        for (GgufTensor t : source.tensors().values()) {
          assertThat(copy.tensor(t.name()).data().mismatch(t.data())).isEqualTo(-1);
          assertThat(copy.tensor(t.name()).type()).isEqualTo(t.type());
          assertThat(copy.tensor(t.name()).shape()).isEqualTo(t.shape());
        }
      }
    }
  }

  private static GgufDatum datum(Object value) {
    return switch (value) {
      case Long n -> GgufDatum.uint32(n);
      case Float f -> GgufDatum.float32(f);
      case Boolean b -> GgufDatum.bool(b);
      case String s -> GgufDatum.string(s);
      case long[] n -> GgufDatum.array(Type.INT32, java.util.Arrays.stream(n).boxed().toList());
      case float[] f -> {
        List<Float> values = new ArrayList<>();
        for (float v : f) {
          values.add(v);
        }
        yield GgufDatum.array(Type.FLOAT32, values);
      }
      case List<?> texts -> GgufDatum.array(Type.STRING, texts);
      default -> throw new AssertionError("not in the recorded files: " + value);
    };
  }

  /** A tensor that hands over its bytes one by one. */
  private static GgufSource source(String name, GgufType type, byte[] bytes, long... shape) {
    return new GgufSource(
        name,
        type,
        shape,
        out -> {
          for (int i = 0; i < bytes.length; i++) {
            out.write(MemorySegment.ofArray(bytes).asSlice(i, 1));
          }
        });
  }
}
