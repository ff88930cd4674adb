package llmengine.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import llmengine.data.process.Example;
import llmengine.data.random.MixOrder;
import llmengine.data.store.TokenizedDataset;
import llmengine.data.template.ChatTemplate;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whole loads of small datasets with the byte tokenizer. */
class TrainingDataTest {
  @TempDir Path folder;

  @BeforeEach
  void writeDatasets() throws IOException {
    file("a.json", alpaca("a", 5));
    file("b.json", alpaca("b", 9));
    file(
        "text.jsonl",
        "{\"text\":\"The first document.\"}\n{\"text\":\"The second one is longer.\"}\n");
    file(
        "chat.json",
        """
        [{"conversations": [{"from": "human", "value": "q1"}, {"from": "gpt", "value": "x1"},
                            {"from": "human", "value": "q2"}, {"from": "gpt", "value": "x2"}]},
         {"conversations": [{"from": "gpt", "value": "x"}, {"from": "human", "value": "q"}]}]
        """);
    file(
        "dataset_info.json",
        """
        {"a": {"file_name": "a.json"}, "b": {"file_name": "b.json"},
         "text": {"file_name": "text.jsonl", "columns": {"prompt": "text"}},
         "chat": {"file_name": "chat.json", "formatting": "sharegpt"},
         "wrong": {"file_name": "a.json", "columns": {"prompt": "question", "response": "output"}},
         "ranked": {"file_name": "a.json", "ranking": true},
         "some": {"file_name": "b.json", "num_samples": 3}}
        """);
  }

  private Path file(String name, String text) throws IOException {
    return Files.writeString(folder.resolve(name), text);
  }

  private static String alpaca(String name, int rows) {
    var text = new StringBuilder("[");
    for (int i = 0; i < rows; i++) {
      text.append(i == 0 ? "" : ",\n")
          .append("{\"instruction\": \"ask\", \"output\": \"")
          .append(name)
          .append(i)
          .append("\"}");
    }
    return text.append("]").toString();
  }

  private DataOptions.Builder options(String... datasets) {
    return DataOptions.of(folder, List.of(datasets), DataOptions.Stage.SFT)
        .cache(folder.resolve("cache"))
        .tokenizerDigest("bytes")
        .threads(2);
  }

  private static TrainingData load(DataOptions.Builder options) {
    return load(options, "chatml");
  }

  private static TrainingData load(DataOptions.Builder options, String template) {
    ChatTemplate chat = ChatTemplate.named(template);
    return TrainingData.load(
        options.build(), chat.fixSpecialTokens(TestTokenizer.standard(false)), chat);
  }

  /** What is learned in each row, as text without special tokens. */
  private static List<String> learned(TokenizedDataset set) {
    var texts = new ArrayList<String>();
    for (int i = 0; i < set.size(); i++) {
      int[] ids =
          Arrays.stream(set.get(i).labels())
              .filter(id -> id != Example.IGNORED && id < 256)
              .toArray();
      texts.add(TestTokenizer.standard(false).decode(ids, true).strip());
    }
    return texts;
  }

  private List<Path> caches() throws IOException {
    try (Stream<Path> files = Files.list(folder.resolve("cache"))) {
      return files.sorted().toList();
    }
  }

  @Test
  void datasetsAreConcatenatedAfterTakingTheFirstRowsOfEach() {
    try (var data = load(options("a", "b").maxSamples(3))) {
      assertThat(learned(data.train())).containsExactly("a0", "a1", "a2", "b0", "b1", "b2");
      assertThat(data.eval()).isEmpty();
    }
  }

  @Test
  void mixedDatasetsFollowTheStrategy() {
    try (var data = load(options("a", "b").mix(MixOrder.Strategy.INTERLEAVE_UNDER, null))) {
      assertThat(learned(data.train()).subList(0, 4)).containsExactly("a0", "b0", "a1", "b1");
    }
  }

  @Test
  void theValidationRowsAreSplitOffTheMixedSet() {
    try (var data = load(options("a", "b").valSize(0.2))) {
      assertThat(data.eval().keySet()).containsExactly("");
      assertThat(data.eval().get("").size()).isEqualTo(3);
      assertThat(data.train().size()).isEqualTo(11);
      var all = new ArrayList<>(learned(data.train()));
      all.addAll(learned(data.eval().get("")));
      assertThat(all).doesNotHaveDuplicates().hasSize(14);
    }
    try (var data = load(options("b").valSize(1))) {
      assertThat(data.eval().get("").size()).isEqualTo(1);
    }
  }

  @Test
  void evaluationSetsMayStayApart() {
    try (var data = load(options("a").evalDataset(List.of("b", "chat")).evalOnEachDataset(true))) {
      assertThat(data.eval().keySet()).containsExactly("b", "chat");
      assertThat(data.eval().get("b").size()).isEqualTo(9);
      assertThat(data.report().counts().keySet()).containsExactly("train", "eval b", "eval chat");
    }
    try (var data = load(options("a").evalDataset(List.of("b", "chat")))) {
      assertThat(data.eval().get("").size()).isEqualTo(10);
    }
  }

  @Test
  void generationRowsHoldPromptAndReference() {
    try (var data = load(options().evalDataset(List.of("a")).predictWithGenerate(true))) {
      assertThat(data.train()).isNull();
      assertThat(learned(data.eval().get("")).getFirst()).isEqualTo("a0");
      Example row = data.eval().get("").get(0);
      assertThat(row.ids()).doesNotContain('0');
      assertThat(row.labels()).hasSizeLessThan(row.ids().length);
    }
  }

  @Test
  void packingWorksWithinAMapBatchAndLeavesOnePlaceFree() {
    try (var plain = load(options("b"));
        var packed = load(options("b").packing(true).cutoffLen(200));
        var batches = load(options("b").neatPacking(true).preprocessingBatchSize(2))) {
      int length = plain.train().length(0);
      int perPack = 199 / length;
      assertThat(packed.train().size()).isEqualTo(Math.ceilDiv(9, perPack));
      assertThat(packed.train().get(0).segments()).hasSize(1);
      assertThat(batches.train().size()).isEqualTo(5);
      assertThat(batches.train().get(0).segments()).containsExactly(length, length);
      // of equal lengths the last goes first
      assertThat(learned(batches.train()).getFirst()).startsWith("b1");
    }
  }

  @Test
  void documentsAreCutIntoBlocksByDefault() {
    var pt =
        DataOptions.of(folder, List.of("text"), DataOptions.Stage.PT)
            .cache(folder.resolve("cache"))
            .tokenizerDigest("bytes")
            .cutoffLen(10);
    try (var data = load(pt, "default")) {
      assertThat(data.train().size()).isEqualTo(4); // 19 + 1 + 25 + 1 = 46 tokens
      assertThat(data.report().counts().get("train").tailTokens()).isEqualTo(6);
      assertThat(data.report().lines(Path.of("r")).get(1)).contains("6 left out");
    }
    try (var data = load(pt.packing(true), "default")) {
      assertThat(data.train().get(0).ids()).hasSize(9);
    }
    try (var data = load(pt.packing(false), "default")) {
      assertThat(data.train().size()).isEqualTo(2);
      assertThat(data.report().counts().get("train").truncated()).isEqualTo(2);
    }
  }

  @Test
  void affectedRowsAreCountedAndListed() throws IOException {
    Path report = folder.resolve("data_report.jsonl");
    try (var data = load(options("chat", "a").cutoffLen(45))) {
      List<String> lines = data.report().lines(report);
      assertThat(lines.get(0))
          .startsWith("data  truncated 1 of 7 rows (14.29%), longest")
          .contains("> cutoff_len 45; dropped 1 (roles out of order 1,")
          .endsWith("see " + report);
      assertThat(lines.get(2)).contains("100.0% of the answers end with a stop token");
      data.report().write(report);
    }
    List<JsonNode> rows = new ArrayList<>();
    for (String line : Files.readAllLines(report)) {
      rows.add(new ObjectMapper().readTree(line));
    }
    assertThat(rows).hasSize(2);
    assertThat(rows.get(0).get("reason").asText()).isEqualTo("truncated");
    assertThat(rows.get(1).get("split").asText()).isEqualTo("train");
    assertThat(rows.get(1).get("dataset").asText()).isEqualTo("chat");
    assertThat(rows.get(1).get("index").asInt()).isEqualTo(1);
    assertThat(rows.get(1).get("reason").asText()).isEqualTo("roles_out_of_order");
  }

  @Test
  void theCacheIsKeyedByEverythingThatMatters() throws IOException {
    load(options("a")).close();
    load(options("a").threads(1)).close();
    assertThat(caches()).hasSize(1);
    load(options("a").cutoffLen(100)).close();
    load(options("a"), "llama3").close();
    load(options("a").tokenizerDigest("other")).close();
    load(options("a").maskHistory(true)).close();
    assertThat(caches()).hasSize(5);
    file("a.json", alpaca("c", 5));
    try (var data = load(options("a"))) {
      assertThat(learned(data.train())).startsWith("c0");
    }
    assertThat(caches()).hasSize(6);
    load(options("a").overwriteCache(true)).close();
    assertThat(caches()).hasSize(6);
  }

  @Test
  void subSamplesAreDrawnAsNumpyDrawsThem() {
    try (var data = load(options("some"))) {
      assertThat(data.train().size()).isEqualTo(3);
      assertThat(learned(data.train())).doesNotHaveDuplicates();
    }
  }

  @Test
  void unusableDataIsAClearError() throws IOException {
    assertThatThrownBy(() -> load(options("wrong")))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("missing column: dataset \"wrong\" expected \"question\" (prompt)");
    assertThatThrownBy(() -> load(options("text.jsonl"))).hasMessageContaining("missing column");
    assertThatThrownBy(() -> load(options("ranked"))).hasMessageContaining("ranking: true");
    assertThatThrownBy(() -> load(options("a").cutoffLen(2)))
        .hasMessageContaining("every label is masked")
        .hasMessageContaining("Raise cutoff_len (now 2)");
    assertThatThrownBy(() -> load(options("text")))
        .hasMessageContaining("no usable row: expected at least one of 2")
        .hasMessageContaining("2 without a single response");
    file("a.json", "[]");
    assertThatThrownBy(() -> load(options("a"))).hasMessageContaining("is empty");
    file("a.json", "[{\"instruction\": \"x\", \"output\": \"y\"},\n{\"instruction\": 3}]");
    assertThatThrownBy(() -> load(options("a")))
        .hasMessageContaining("a.json:2: column \"instruction\": expected text, got number");
    file("a.json", "[{\"instruction\": \"x\", \"output\": \"y\"},\n{\"instruction\" 3}]");
    assertThatThrownBy(() -> load(options("a"))).hasMessageContaining("a.json:2: malformed JSON");
    assertThatThrownBy(() -> load(options("b").valSize(9)))
        .hasMessageContaining("no row would be left to train on");
    assertThatThrownBy(() -> options("b").ignorePadTokenForLoss(false).build())
        .hasMessageContaining("without padding");
    assertThatThrownBy(() -> options("b").valSize(0.1).evalDataset(List.of("a")).build())
        .hasMessageContaining("val_size or eval_dataset");
    assertThatThrownBy(() -> load(options("b").trainOnPrompt(true).maskHistory(true)))
        .hasMessageContaining("train_on_prompt");
  }
}
