package llmengine.data.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import llmengine.data.DataException;
import llmengine.data.template.Chat;
import llmengine.data.template.ChatMessage;
import llmengine.data.template.CheckpointFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GgufTokenizerTest {
  private static final ObjectMapper MAPPER = new ObjectMapper();

  /** A SentencePiece vocabulary: unknown, bos, eos, 256 bytes, then pieces. */
  static Map<String, Object> sentencePiece(boolean spacePrefix) {
    List<String> tokens = new ArrayList<>(List.of("<unk>", "<s>", "</s>"));
    List<Integer> types = new ArrayList<>(List.of(2, 3, 3));
    for (int b = 0; b < 256; b++) {
      tokens.add("<0x%02X>".formatted(b));
      types.add(6);
    }
    tokens.add("<tool>");
    types.add(4);
    for (String piece : "▁ t h e th he the ▁the ▁t a ab bc b c 你".split(" ")) {
      tokens.add(piece);
      types.add(1);
    }
    float[] scores = new float[tokens.size()];
    for (int i = 260; i < scores.length; i++) {
      scores[i] = 260 - i;
    }
    Map<String, Object> metadata = new HashMap<>();
    metadata.put("tokenizer.ggml.model", "llama");
    metadata.put("tokenizer.ggml.tokens", tokens.toArray(String[]::new));
    metadata.put("tokenizer.ggml.token_type", types.stream().mapToInt(i -> i).toArray());
    metadata.put("tokenizer.ggml.scores", scores);
    metadata.put("tokenizer.ggml.add_space_prefix", spacePrefix);
    return metadata;
  }

  private static Map<String, Object> byteLevel(String pre) {
    List<String> tokens = new ArrayList<>(List.of("<|end|>", "a", "b", "Ġ", "ab", "Ġab"));
    Map<String, Object> metadata = new HashMap<>();
    metadata.put("tokenizer.ggml.model", "gpt2");
    metadata.put("tokenizer.ggml.pre", pre);
    metadata.put("tokenizer.ggml.tokens", tokens);
    metadata.put("tokenizer.ggml.token_type", List.of(3, 1, 1, 1, 1, 1));
    metadata.put("tokenizer.ggml.merges", List.of("a b", "Ġ ab"));
    metadata.put("tokenizer.ggml.eos_token_id", 0);
    return metadata;
  }

  private static String[] pieces(HuggingFaceTokenizer tokenizer, String text) {
    int[] ids = tokenizer.encode(text);
    String[] out = new String[ids.length];
    for (int i = 0; i < ids.length; i++) {
      out[i] = tokenizer.tokenOf(ids[i]);
    }
    return out;
  }

  @Test
  void sentencePieceMergesByScoreAndFallsBackToBytes() {
    HuggingFaceTokenizer tokenizer = GgufTokenizer.fromMetadata("x.gguf", sentencePiece(true));
    assertThat(pieces(tokenizer, "the the")).containsExactly("▁the", "▁the");
    // ab has a better score than bc, though both could start
    assertThat(pieces(tokenizer, "abc")).containsExactly("▁", "ab", "c");
    assertThat(pieces(tokenizer, "你é")).containsExactly("▁", "你", "<0xC3>", "<0xA9>");
    assertThat(pieces(tokenizer, "a<tool></s>")).containsExactly("▁", "a", "<tool>", "</s>");
    assertThat(tokenizer.decode(tokenizer.encode("the  你é\n"), true)).isEqualTo("the  你é\n");
    assertThat(tokenizer.addsBos()).isTrue();
    assertThat(tokenizer.bosId()).hasValue(1);
    assertThat(tokenizer.eosId()).hasValue(2);
    assertThat(tokenizer.unkId()).hasValue(0);
    assertThat(tokenizer.isSpecial(2)).isTrue();
    HuggingFaceTokenizer without = GgufTokenizer.fromMetadata("x.gguf", sentencePiece(false));
    assertThat(pieces(without, "the the")).containsExactly("the", "▁the");
    assertThat(without.decode(without.encode(" the"), true)).isEqualTo(" the");
  }

  @Test
  void everyKnownPreTokenizerLoads(@TempDir Path dir) {
    for (String pre :
        List.of(
            "default",
            "gpt-2",
            "smollm",
            "llama-bpe",
            "dbrx",
            "qwen2",
            "glm4",
            "tekken",
            "gpt-4o",
            "deepseek-v3")) {
      HuggingFaceTokenizer tokenizer = GgufTokenizer.fromMetadata("x.gguf", byteLevel(pre));
      assertThat(tokenizer.encode("ab ab<|end|>")).as(pre).containsExactly(4, 5, 0);
      assertThat(tokenizer.eosId()).hasValue(0);
      assertThat(tokenizer.bosId()).isEmpty();
      tokenizer.save(dir.resolve(pre));
      assertThat(HuggingFaceTokenizer.load(dir.resolve(pre)).encode("ab ab")).containsExactly(4, 5);
    }
  }

  @Test
  void unknownKindsAreNamed() {
    assertThatThrownBy(() -> GgufTokenizer.fromMetadata("x.gguf", byteLevel("brand-new")))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("x.gguf tokenizer.ggml.pre")
        .hasMessageContaining("\"brand-new\"")
        .hasMessageContaining("llama-bpe");
    Map<String, Object> metadata = byteLevel("gpt-2");
    metadata.put("tokenizer.ggml.model", "rwkv");
    assertThatThrownBy(() -> GgufTokenizer.fromMetadata("x.gguf", metadata))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("\"rwkv\": not supported yet");
  }

  @Test
  void unusableMetadataIsNamed() {
    for (String key :
        List.of("tokenizer.ggml.model", "tokenizer.ggml.tokens", "tokenizer.ggml.merges")) {
      Map<String, Object> metadata = byteLevel("gpt-2");
      metadata.remove(key);
      assertThatThrownBy(() -> GgufTokenizer.fromMetadata("x.gguf", metadata))
          .isInstanceOf(DataException.class)
          .hasMessageContaining(key);
    }
    Map<String, Object> bad =
        Map.of(
            "tokenizer.ggml.tokens",
            List.of("a", "a"),
            "tokenizer.ggml.token_type",
            new int[] {1},
            "tokenizer.ggml.merges",
            List.of("ab"),
            "tokenizer.ggml.eos_token_id",
            99);
    bad.forEach(
        (key, value) -> {
          Map<String, Object> metadata = byteLevel("gpt-2");
          metadata.put(key, value);
          assertThatThrownBy(() -> GgufTokenizer.fromMetadata("x.gguf", metadata))
              .isInstanceOf(DataException.class)
              .hasMessageContaining(key);
        });
  }

  @Test
  void realModelHasTheSameIdsFromBothFormats() throws IOException {
    Path model = Fixture.shared().resolve("models/SmolLM2-135M-Instruct");
    assumeTrue(Files.isDirectory(model), "skipped: no model at " + model);
    HuggingFaceTokenizer files = HuggingFaceTokenizer.load(model);
    HuggingFaceTokenizer gguf =
        GgufTokenizer.fromMetadata(
            "gguf", metadata(model.resolve("SmolLM2-135M-Instruct.Q4_1.gguf")));
    JsonNode reference = MAPPER.readTree(model.resolve("reference.json").toFile());
    for (JsonNode c : reference.get("tokenization")) {
      int[] ids = MAPPER.convertValue(c.get("ids"), int[].class);
      assertThat(files.encode(c.get("text").asText())).isEqualTo(ids);
      assertThat(gguf.encode(c.get("text").asText())).isEqualTo(ids);
      assertThat(gguf.decode(ids, false)).isEqualTo(c.get("text").asText());
    }
    for (JsonNode c : reference.get("chats")) {
      assertThat(gguf.encode(c.get("prompt").asText()))
          .isEqualTo(MAPPER.convertValue(c.get("prompt_ids"), int[].class));
    }
    var random = new Random(9);
    for (int i = 0; i < 500; i++) {
      String text = Fixture.randomText(random, random.nextInt(100));
      int[] ids = files.encode(text);
      assertThat(gguf.encode(text)).isEqualTo(ids);
      // not the text itself: this vocabulary lacks some control bytes
      assertThat(gguf.decode(ids, false)).isEqualTo(files.decode(ids, false));
    }
    assertThat(gguf.vocabSize()).isEqualTo(files.vocabSize()).isEqualTo(49152);
    assertThat(gguf.eosId()).isEqualTo(files.eosId());
    assertThat(gguf.addsBos()).isFalse();
    assertThat(gguf.chatTemplate()).isPresent();
  }

  @Test
  void recordedFilesHaveTheSameIdsFromBothFormats() throws IOException {
    for (String name : List.of("llama_f32", "llama_q4_0_q6_k")) {
      Path dir = Fixture.shared().resolve("golden/open/G_gguf_file").resolve(name);
      assumeTrue(Files.isDirectory(dir), "skipped: no recorded files at " + dir);
      HuggingFaceTokenizer files = HuggingFaceTokenizer.load(dir);
      HuggingFaceTokenizer gguf =
          GgufTokenizer.fromMetadata("gguf", metadata(dir.resolve("model.gguf")));
      JsonNode recorded = MAPPER.readTree(dir.resolve("case.json").toFile());
      for (JsonNode c : recorded.get("tokenizer_cases")) {
        int[] ids = MAPPER.convertValue(c.get("ids"), int[].class);
        assertThat(files.encode(c.get("text").asText())).isEqualTo(ids);
        assertThat(gguf.encode(c.get("text").asText())).isEqualTo(ids);
        assertThat(gguf.decode(ids, false)).isEqualTo(c.get("decoded").asText());
      }
    }
  }

  @Test
  void recordedChatTemplatesAreRead() throws IOException {
    for (String name : List.of("llama_f32", "llama_q4_0_q6_k")) {
      Path dir = Fixture.shared().resolve("golden/open/G_gguf_file").resolve(name);
      assumeTrue(Files.isDirectory(dir), "skipped: no recorded files at " + dir);
      HuggingFaceTokenizer gguf =
          GgufTokenizer.fromMetadata("gguf", metadata(dir.resolve("model.gguf")));
      JsonNode recorded = MAPPER.readTree(dir.resolve("case.json").toFile()).get("metadata");
      String template = recorded.get("tokenizer.chat_template").get("value").asText();
      assertThat(gguf.chatTemplates()).containsExactly(Map.entry("default", template));
      CheckpointFormat format = CheckpointFormat.of(gguf, Map.of(), Optional.empty(), List.of());
      Chat chat = Chat.of("Be brief.", List.of(ChatMessage.of("user", "the model")));
      // as that template says it: a <s> before each message, the role on a line of its own
      assertThat(format.text(chat))
          .isEqualTo("<s>system\nBe brief.</s>\n<s>user\nthe model</s>\n<s>assistant\n");
      int start = recorded.get("tokenizer.ggml.bos_token_id").get("value").asInt();
      int end = recorded.get("tokenizer.ggml.eos_token_id").get("value").asInt();
      int[] ids = format.prompt(chat);
      assertThat(ids).startsWith(start);
      assertThat(Arrays.stream(ids).filter(id -> id == start)).hasSize(3);
      assertThat(Arrays.stream(ids).filter(id -> id == end)).hasSize(2);
      assertThat(gguf.decode(ids, false)).isEqualTo(format.text(chat));
      assertThat(format.stopIds()).containsExactly(end);
    }
  }

  private static Map<String, Object> metadata(Path gguf) throws IOException {
    try (FileChannel channel = FileChannel.open(gguf)) {
      ByteBuffer in =
          channel
              .map(FileChannel.MapMode.READ_ONLY, 0, Math.min(channel.size(), 64 << 20))
              .order(ByteOrder.LITTLE_ENDIAN);
      in.position(16);
      Map<String, Object> out = new HashMap<>();
      for (long left = in.getLong(); left > 0; left--) {
        String key = string(in);
        out.put(key, value(in, in.getInt()));
      }
      return Collections.unmodifiableMap(out);
    }
  }

  private static Object value(ByteBuffer in, int type) {
    return switch (type) {
      case 0, 1 -> (int) in.get();
      case 2, 3 -> (int) in.getShort();
      case 4, 5 -> in.getInt();
      case 6 -> in.getFloat();
      case 7 -> in.get() != 0;
      case 8 -> string(in);
      case 9 -> {
        int element = in.getInt();
        long count = in.getLong();
        List<Object> list = new ArrayList<>();
        for (long i = 0; i < count; i++) {
          list.add(value(in, element));
        }
        yield list;
      }
      case 10, 11 -> in.getLong();
      case 12 -> in.getDouble();
      default -> throw new IllegalStateException("type " + type);
    };
  }

  private static String string(ByteBuffer in) {
    byte[] bytes = new byte[(int) in.getLong()];
    in.get(bytes);
    return new String(bytes, StandardCharsets.UTF_8);
  }
}
