package llmengine.data.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import llmengine.data.DataException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GgufVocabularyTest {
  private static final String SENTENCE_PIECE =
      """
      {"version": "1.0", "added_tokens": [
        {"id": 0, "content": "<unk>",
         "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true},
        {"id": 1, "content": "<s>",
         "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true},
        {"id": 13, "content": "<tool>",
         "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": false}],
       "normalizer": {"type": "Sequence", "normalizers": [
         {"type": "Prepend", "prepend": "▁"},
         {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
       "pre_tokenizer": null, "post_processor": null,
       "decoder": {"type": "Sequence", "decoders": [
         {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
         {"type": "ByteFallback"}, {"type": "Fuse"}]},
       "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true,
         "vocab": {"<unk>": 0, "<s>": 1, "<0x41>": 2, "▁": 3, "a": 4, "b": 5, "c": 6,
                   "ab": 7, "▁a": 8, "abc": 9, "bc": 10, "▁abc": 11, "▁ab": 12},
         "merges": [["a", "b"], ["▁", "a"], ["ab", "c"], ["b", "c"], ["▁", "abc"], ["▁a", "bc"],
           ["▁", "ab"], ["▁a", "b"]]}}
      """;

  @TempDir Path folder;

  @Test
  void sentencePieceIsReadBack() throws IOException {
    HuggingFaceTokenizer source =
        load(SENTENCE_PIECE, "{\"unk_token\": \"<unk>\", \"bos_token\": \"<s>\"}");
    GgufVocabulary v = GgufVocabulary.of(source, 16);
    assertThat(v.model()).isEqualTo("llama");
    assertThat(v.types()).containsExactly(2, 3, 6, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 4, 5, 5);
    assertThat(v.tokens()).endsWith("<tool>", "[PAD14]", "[PAD15]");
    assertThat(v.merges()).isEmpty();
    assertThat(v.addsSpacePrefix()).contains(true);
    assertThat(v.scores().subList(7, 13)).containsExactly(0f, -1f, -2f, -3f, -4f, -6f);
    Map<String, Object> metadata = new HashMap<>();
    metadata.put("tokenizer.ggml.model", v.model());
    metadata.put("tokenizer.ggml.tokens", v.tokens());
    metadata.put("tokenizer.ggml.scores", v.scores());
    metadata.put("tokenizer.ggml.token_type", v.types());
    metadata.put("tokenizer.ggml.unknown_token_id", 0);
    metadata.put("tokenizer.ggml.bos_token_id", 1);
    metadata.put("tokenizer.ggml.eos_token_id", 1);
    HuggingFaceTokenizer read = GgufTokenizer.fromMetadata("file", metadata);
    for (String text : List.of("abc", "abcab cab", "bc a", "A<tool>ab", "a  b c")) {
      assertThat(read.encode(text)).as(text).isEqualTo(source.encode(text));
    }
  }

  @Test
  void whatGgufLacksIsRefused() throws IOException {
    HuggingFaceTokenizer cut =
        load(
            """
            {"version": "1.0", "added_tokens": [], "normalizer": null,
             "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
               {"type": "Split", "pattern": {"Regex": "x+"}, "behavior": "Isolated",
                "invert": false},
               {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true,
                "use_regex": false}]},
             "decoder": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true,
               "use_regex": true},
             "model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}}
            """,
            "{}");
    assertThatThrownBy(() -> GgufVocabulary.of(cut, 1))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("pre_tokenizer");
    HuggingFaceTokenizer words =
        load(
            """
            {"version": "1.0", "added_tokens": [], "normalizer": null, "pre_tokenizer": null,
             "decoder": null,
             "model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}}
            """,
            "{}");
    assertThatThrownBy(() -> GgufVocabulary.of(words, 1))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("WordLevel");
  }

  private HuggingFaceTokenizer load(String json, String config) throws IOException {
    Files.writeString(folder.resolve("tokenizer.json"), json);
    Files.writeString(folder.resolve("tokenizer_config.json"), config);
    return HuggingFaceTokenizer.load(folder);
  }
}
