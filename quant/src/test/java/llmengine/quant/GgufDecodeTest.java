package llmengine.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import llmengine.engine.FormatException;
import llmengine.engine.file.GgufFile;
import llmengine.engine.file.GgufTensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GgufDecodeTest {
  @ParameterizedTest
  @ValueSource(strings = {"llama_f32", "llama_q4_0_q6_k"})
  void wholeFileEqualsTheReference(String name) throws IOException, NoSuchAlgorithmException {
    Path golden = SharedFiles.path("golden/open/G_gguf_file/" + name);
    JsonNode expected = new ObjectMapper().readTree(golden.resolve("case.json").toFile());
    try (GgufFile file = GgufFile.open(golden.resolve("model.gguf"))) {
      assertThat(file.version()).isEqualTo(3);
      expected
          .get("metadata")
          .properties()
          .forEach(
              entry -> {
                if (!entry.getKey().startsWith("GGUF.")) {
                  Object value = file.metadata().get(entry.getKey());
                  assertThat(value).as(entry.getKey()).isNotNull();
                  assertMetadata(value, entry.getValue().get("value"));
                }
              });
      List<String> names = new ArrayList<>();
      for (JsonNode tensor : expected.get("tensors")) {
        names.add(tensor.get("name").asText());
        assertTensor(file, file.tensor(names.getLast()), tensor);
      }
      assertThat(file.tensors().keySet()).containsExactlyElementsOf(names);
    }
  }

  private static void assertMetadata(Object value, JsonNode expected) {
    switch (value) {
      case List<?> list -> {
        assertThat(list).hasSize(expected.get("length").asInt());
        assertThat(list.getFirst()).isEqualTo(expected.get("first").get(0).asText());
      }
      case long[] array -> {
        assertThat(array).hasSize(expected.get("length").asInt());
        assertThat(array[0]).isEqualTo(expected.get("first").get(0).asLong());
      }
      case Float f -> assertThat(f).isEqualTo(expected.floatValue());
      default -> assertThat(value.toString()).isEqualTo(expected.asText());
    }
  }

  private static void assertTensor(GgufFile file, GgufTensor tensor, JsonNode expected)
      throws NoSuchAlgorithmException {
    assertThat(tensor.type().name()).isEqualTo(expected.get("type").asText());
    assertThat(tensor.position()).isEqualTo(expected.get("data_offset").asLong());
    byte[] stored = tensor.data().toArray(ValueLayout.JAVA_BYTE);
    assertThat(stored).hasSize(expected.get("bytes").asInt());
    byte[] digest = MessageDigest.getInstance("SHA-256").digest(stored);
    assertThat(HexFormat.of().formatHex(digest)).isEqualTo(expected.get("sha256").asText());
    JsonNode values = expected.get("dequantised");
    for (int i = 0; i < tensor.shape().length; i++) {
      assertThat(tensor.shape()[i]).isEqualTo(values.get("shape").get(i).asLong());
    }
    float[] decoded = decode(file, tensor);
    double sum = 0;
    double abs = 0;
    for (float v : decoded) {
      sum += v;
      abs += Math.abs(v);
    }
    double wantAbs = values.get("abs_sum").asDouble();
    assertThat(sum).isCloseTo(values.get("sum").asDouble(), within(1e-6 * wantAbs));
    assertThat(abs).isCloseTo(wantAbs, within(1e-6 * wantAbs));
    for (int i = 0; i < values.get("first").size(); i++) {
      assertThat(decoded[i]).isEqualTo(values.get("first").get(i).floatValue());
    }
    assertThat(decoded[decoded.length - 1]).isEqualTo(values.get("last").get(1).floatValue());
    float[] row = new float[(int) tensor.shape()[tensor.shape().length - 1]];
    file.decode(tensor, tensor.count() - row.length, row, row.length);
    assertThat(row[row.length - 1]).isEqualTo(decoded[decoded.length - 1]);
    assertThatThrownBy(() -> file.decode(tensor, -1, row, row.length))
        .satisfies(
            e ->
                assertThat(e)
                    .isInstanceOf(FormatException.class)
                    .hasMessageContaining(tensor.name()));
  }

  private static float[] decode(GgufFile file, GgufTensor tensor) {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment dst = arena.allocate(tensor.count() * Float.BYTES, 64);
      file.decode(tensor, dst);
      return dst.toArray(ValueLayout.JAVA_FLOAT);
    }
  }

  @Test
  void realModelDecodes() {
    Path path = SharedFiles.path("models/SmolLM2-135M-Instruct/SmolLM2-135M-Instruct.Q4_1.gguf");
    try (GgufFile file = GgufFile.open(path)) {
      assertThat(file.metadata()).containsEntry("general.architecture", "llama");
      long values = 0;
      long start = System.nanoTime();
      for (GgufTensor tensor : file.tensors().values()) {
        try (Arena arena = Arena.ofShared()) {
          file.decode(tensor, arena.allocate(tensor.count() * Float.BYTES, 64));
        }
        values += tensor.count();
      }
      long ms = Math.max(1, (System.nanoTime() - start) / 1_000_000);
      System.out.printf("decoded %,d values in %d ms%n", values, ms);
      assertThat(values).isGreaterThan(134_000_000);
    }
  }
}
