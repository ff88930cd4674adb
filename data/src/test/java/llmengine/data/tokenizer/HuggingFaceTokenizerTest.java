package llmengine.data.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import llmengine.data.DataException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HuggingFaceTokenizerTest {
  @TempDir Path dir;
  private HuggingFaceTokenizer tokenizer;

  @BeforeEach
  void load() throws IOException {
    tokenizer = HuggingFaceTokenizer.load(Fixture.copyTo(dir));
  }

  @Test
  void encodingAddsNothingAndRecognisesSpecialTokens() {
    assertThat(tokenizer.encode("")).isEmpty();
    assertThat(tokenizer.encode("hello world"))
        .containsExactly(tokenizer.idOf("hello").getAsInt(), tokenizer.idOf("Ġworld").getAsInt());
    assertThat(tokenizer.encode("<|start|>the<|end|><think>"))
        .containsExactly(
            Fixture.START, tokenizer.idOf("the").getAsInt(), Fixture.END, Fixture.THINK);
  }

  @Test
  void truncationAndPaddingOfTheFileAreOff() {
    assertThat(tokenizer.encode("x")).hasSize(1);
    assertThat(tokenizer.encode("xyzxyzxyz")).hasSize(9);
  }

  @Test
  void decodingIsTheInverseForAnyText() {
    var random = new Random(1);
    for (int i = 0; i < 300; i++) {
      String text = Fixture.randomText(random, random.nextInt(60));
      assertThat(tokenizer.decode(tokenizer.encode(text), false)).isEqualTo(text);
    }
    assertThat(tokenizer.decode(tokenizer.encode("a\0b😀"), false)).isEqualTo("a\0b😀");
  }

  @Test
  void decodingSkipsSpecialTokensOnRequestOnly() {
    int[] ids = tokenizer.encode("<|start|>the<think><|end|>");
    assertThat(tokenizer.decode(ids, true)).isEqualTo("the<think>");
    assertThat(tokenizer.decode(ids, false)).isEqualTo("<|start|>the<think><|end|>");
    int[] cut = Arrays.copyOf(tokenizer.encode("é"), 1);
    assertThat(tokenizer.decode(cut, false)).isEqualTo("\uFFFD");
    assertThatThrownBy(() -> tokenizer.decode(new int[] {5, -100}, false))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("-100");
  }

  @Test
  void vocabularyCanBeRead() {
    assertThat(tokenizer.vocabSize()).isEqualTo(Fixture.VOCAB + 3);
    assertThat(tokenizer.tokenOf(Fixture.END)).isEqualTo("<|end|>");
    assertThat(tokenizer.idOf("nothing of the kind")).isEmpty();
    assertThat(tokenizer.isSpecial(Fixture.END)).isTrue();
    assertThat(tokenizer.isSpecial(Fixture.THINK)).isFalse();
    assertThat(tokenizer.isSpecial(5)).isFalse();
    assertThat(tokenizer.bosId()).hasValue(Fixture.START);
    assertThat(tokenizer.eosId()).hasValue(Fixture.END);
    assertThat(tokenizer.padId()).isEmpty();
    assertThat(tokenizer.unkId()).isEmpty();
    assertThatThrownBy(() -> tokenizer.tokenOf(Fixture.VOCAB + 3))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("below " + (Fixture.VOCAB + 3));
  }

  @Test
  void bosIsAskedForByTheConfigElseByThePostProcessor() throws IOException {
    assertThat(tokenizer.addsBos()).isTrue();
    change("tokenizer_config.json", "\"model_max_length\": 2048", "\"add_bos_token\": false");
    assertThat(HuggingFaceTokenizer.load(dir).addsBos()).isFalse();
  }

  @Test
  void knownTokensBecomeSpecialAndUnknownOnesAreAppended() {
    HuggingFaceTokenizer changed =
        tokenizer
            .withEos("<think>")
            .withPad("<pad>")
            .withAdditionalSpecialTokens(List.of("<|end|>", "<new>", "<new>"));
    assertThat(changed.eosId()).hasValue(Fixture.THINK);
    assertThat(changed.isSpecial(Fixture.THINK)).isTrue();
    assertThat(changed.padId()).hasValue(Fixture.VOCAB + 3);
    assertThat(changed.idOf("<new>")).hasValue(Fixture.VOCAB + 4);
    assertThat(changed.vocabSize()).isEqualTo(Fixture.VOCAB + 5);
    assertThat(changed.additionalSpecialTokens()).containsExactly("<|end|>", "<new>");
    assertThat(changed.encode("a<new><pad>b"))
        .containsExactly(
            tokenizer.encode("a")[0],
            Fixture.VOCAB + 4,
            Fixture.VOCAB + 3,
            tokenizer.encode("b")[0]);
    assertThat(tokenizer.idOf("<new>")).isEmpty();
    assertThat(tokenizer.eosId()).hasValue(Fixture.END);
  }

  @Test
  void savedTokenizerLoadsAsTheSame(@TempDir Path out) throws IOException {
    HuggingFaceTokenizer changed =
        tokenizer
            .withEos("<think>")
            .withPad("<think>")
            .withAdditionalSpecialTokens(List.of("<new>"));
    changed.save(out.resolve("a/b"), PaddingSide.LEFT);
    HuggingFaceTokenizer loaded = HuggingFaceTokenizer.load(out.resolve("a/b"));
    assertThat(loaded.eosId()).isEqualTo(changed.eosId());
    assertThat(loaded.padId()).isEqualTo(changed.padId());
    assertThat(loaded.additionalSpecialTokens()).containsExactly("<new>");
    assertThat(loaded.chatTemplate()).isEqualTo(tokenizer.chatTemplate()).isPresent();
    assertThat(loaded.setting("padding_side")).hasValue("left");
    assertThat(loaded.setting("model_max_length")).hasValue("2048");
    String text = Fixture.randomText(new Random(2), 200) + "<new><think>";
    assertThat(loaded.encode(text)).isEqualTo(changed.encode(text));
    JsonNode map = new ObjectMapper().readTree(out.resolve("a/b/special_tokens_map.json").toFile());
    assertThat(map.get("eos_token").asText()).isEqualTo("<think>");
    assertThat(map.get("bos_token").asText()).isEqualTo("<|start|>");
    try (var files = Files.list(out.resolve("a/b"))) {
      assertThat(files.map(f -> f.getFileName().toString()))
          .containsExactlyInAnyOrder(
              "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json");
    }
  }

  @Test
  void unchangedTokenizerJsonIsSavedByteForByte(@TempDir Path out) throws IOException {
    tokenizer.save(out);
    assertThat(out.resolve("tokenizer.json")).hasSameBinaryContentAs(dir.resolve("tokenizer.json"));
    tokenizer.save(out);
  }

  @Test
  void chatTemplateFileWins(@TempDir Path out) throws IOException {
    Files.writeString(dir.resolve("chat_template.jinja"), "{{ a }}\r\n\u00e9\n");
    HuggingFaceTokenizer loaded = HuggingFaceTokenizer.load(dir);
    assertThat(loaded.chatTemplate()).hasValue("{{ a }}\r\n\u00e9\n");
    loaded.withChatTemplate("new").save(dir);
    assertThat(HuggingFaceTokenizer.load(dir).chatTemplate()).hasValue("new");
    loaded.save(out);
    assertThat(HuggingFaceTokenizer.load(out).chatTemplate()).hasValue("{{ a }}\r\n\u00e9\n");
  }

  @Test
  void tokensListedBesideTokenizerJsonAreAdded() throws IOException {
    Files.writeString(dir.resolve("added_tokens.json"), "{\"<think>\": 274, \"<extra>\": 275}");
    Files.writeString(
        dir.resolve("special_tokens_map.json"),
        "{\"pad_token\": {\"content\": \"<mypad>\"}, \"eos_token\": \"ignored\"}");
    HuggingFaceTokenizer loaded = HuggingFaceTokenizer.load(dir);
    assertThat(loaded.encode("<extra>")).containsExactly(275);
    assertThat(loaded.padId()).hasValue(276);
    assertThat(loaded.eosId()).hasValue(Fixture.END);
    Files.writeString(dir.resolve("added_tokens.json"), "{\"<extra>\": 999}");
    assertThatThrownBy(() -> HuggingFaceTokenizer.load(dir))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("<extra>")
        .hasMessageContaining("999");
  }

  @Test
  void manyThreadsGetTheSameIds() {
    String text = Fixture.randomText(new Random(3), 500);
    int[] expected = tokenizer.encode(text);
    assertThat(
            IntStream.range(0, 200)
                .parallel()
                .allMatch(i -> Arrays.equals(tokenizer.encode(text), expected)))
        .isTrue();
  }

  @Test
  void longTextIsEncodedWhole() {
    String text = "the hello world 123 ".repeat(20_000);
    assertThat(tokenizer.decode(tokenizer.encode(text), true)).isEqualTo(text);
  }

  @Test
  void missingFilesAreNamed(@TempDir Path empty) throws IOException {
    assertThatThrownBy(() -> HuggingFaceTokenizer.load(empty))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("tokenizer.json: no such file");
    Files.writeString(empty.resolve("tokenizer.model"), "x");
    assertThatThrownBy(() -> HuggingFaceTokenizer.load(empty))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("only tokenizer.model: not supported yet");
  }

  @Test
  void truncatedAndMalformedFilesAreErrors() throws IOException {
    byte[] whole = Files.readAllBytes(dir.resolve("tokenizer.json"));
    for (int length : new int[] {0, 1, 20, 500, whole.length / 2, whole.length - 2}) {
      Files.write(dir.resolve("tokenizer.json"), Arrays.copyOf(whole, length));
      assertThatThrownBy(() -> HuggingFaceTokenizer.load(dir))
          .as("length %d", length)
          .isInstanceOf(DataException.class)
          .hasMessageContaining("tokenizer.json");
    }
    for (String json :
        new String[] {
          "[]",
          "{}",
          "{\"model\": 3}",
          "{\"model\": {\"vocab\": 3}}",
          "{\"model\": {\"type\": \"Other\", \"vocab\": {\"a\": 0}, \"merges\": []}}",
          "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": -1}, \"merges\": []}}",
          "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 2000000000}, \"merges\": []}}"
        }) {
      Files.writeString(dir.resolve("tokenizer.json"), json);
      assertThatThrownBy(() -> HuggingFaceTokenizer.load(dir))
          .as(json)
          .isInstanceOf(DataException.class)
          .hasMessageContaining("tokenizer.json");
    }
    Files.write(dir.resolve("tokenizer.json"), whole);
    Files.writeString(dir.resolve("tokenizer_config.json"), "{\"eos_token\": ");
    assertThatThrownBy(() -> HuggingFaceTokenizer.load(dir))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("tokenizer_config.json");
  }

  private void change(String file, String from, String to) throws IOException {
    Path path = dir.resolve(file);
    Files.writeString(path, Files.readString(path).replace(from, to));
  }
}
