package llmengine.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;
import llmengine.data.batch.BatchIterator;
import llmengine.data.batch.MicroBatch;
import llmengine.data.batch.StepBatch;
import llmengine.data.process.Example;
import llmengine.data.random.EpochOrder;
import llmengine.data.random.MixOrder;
import llmengine.data.store.TokenizedDataset;
import llmengine.data.template.ChatTemplate;
import llmengine.data.tokenizer.HuggingFaceTokenizer;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** Which rows and how many tokens whole runs of LLaMA-Factory trained on. */
class RecordedRunsTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** SmolLM2-135M without embeddings, and rank-8 adapters on all its linear layers. */
  private static final long MODEL = 106_203_456;

  private static final long ADAPTER = 2_442_240;

  @TempDir Path folder;

  private static Path shared(String path) {
    String named = System.getProperty("ENGINE_SHARED", System.getenv("ENGINE_SHARED"));
    Optional<Path> root =
        named != null
            ? Optional.of(Path.of(named))
            : Stream.iterate(Path.of("").toAbsolutePath(), at -> at != null, Path::getParent)
                .map(at -> at.resolve("shared"))
                .filter(Files::isDirectory)
                .findFirst();
    Path found = root.orElse(Path.of("shared")).resolve(path);
    assumeTrue(Files.exists(found), "skipped: " + found + " is absent; set ENGINE_SHARED");
    return found;
  }

  @TestFactory
  Stream<DynamicTest> rowsAndTheirOrderAreTheRecordedOnes() throws IOException {
    JsonNode runs =
        JSON.readTree(shared("golden/data_order/llamafactory_runs.json").toFile()).get("runs");
    var tests = new ArrayList<DynamicTest>();
    for (JsonNode run : runs) {
      JsonNode settings = run.get("settings");
      if (!settings.has("streaming") && !settings.has("train_sampling_strategy")) {
        tests.add(DynamicTest.dynamicTest(run.get("run").asText(), () -> checkOrder(run)));
      }
    }
    return tests.stream();
  }

  /** The sizes of the recorded datasets; a6 and b20 are a and b with num_samples. */
  private void writeDatasets() throws IOException {
    var info = new TreeMap<String, Object>();
    for (var size : Map.of("main", 100, "a", 10, "b", 8, "c", 30, "d", 50).entrySet()) {
      var rows = new ArrayList<Map<String, String>>();
      for (int i = 0; i < size.getValue(); i++) {
        rows.add(Map.of("instruction", "q", "output", "%s%03d".formatted(size.getKey(), i)));
      }
      JSON.writeValue(folder.resolve(size.getKey() + ".json").toFile(), rows);
      info.put(size.getKey(), Map.of("file_name", size.getKey() + ".json"));
    }
    info.put("a6", Map.of("file_name", "a.json", "num_samples", 6));
    info.put("b20", Map.of("file_name", "b.json", "num_samples", 20));
    JSON.writeValue(folder.resolve("dataset_info.json").toFile(), info);
  }

  private void checkOrder(JsonNode run) throws IOException {
    writeDatasets();
    JsonNode s = run.get("settings");
    ChatTemplate chat = ChatTemplate.named("chatml");
    var options =
        DataOptions.of(folder, List.of(s.get("dataset").asText().split(",")), DataOptions.Stage.SFT)
            .cache(folder.resolve("cache"))
            .tokenizerDigest("bytes")
            .seed(s.get("seed").asLong())
            .valSize(s.path("val_size").asDouble(0));
    if (s.has("mix_strategy")) {
      options.mix(
          MixOrder.Strategy.valueOf(s.get("mix_strategy").asText().toUpperCase()),
          Arrays.stream(s.get("interleave_probs").asText().split(","))
              .mapToDouble(Double::parseDouble)
              .toArray());
    }
    try (var data =
        TrainingData.load(
            options.build(), chat.fixSpecialTokens(TestTokenizer.standard(false)), chat)) {
      assertThat(names(data.train())).isEqualTo(strings(run.get("train_rows")));
      if (run.has("eval_rows")) {
        assertThat(names(data.eval().get(""))).isEqualTo(strings(run.get("eval_rows")));
      }
      checkBatches(run, data.train());
    }
  }

  private static void checkBatches(JsonNode run, TokenizedDataset train) {
    JsonNode s = run.get("settings");
    var order =
        new EpochOrder(
            train.size(),
            s.has("data_seed") ? s.get("data_seed").asLong() : s.get("seed").asLong(),
            !s.path("disable_shuffling").asBoolean(false));
    var plan =
        new BatchIterator.Plan(
            s.get("per_device_train_batch_size").asInt(),
            s.path("gradient_accumulation_steps").asInt(1),
            false);
    var batches = new ArrayList<List<String>>();
    try (var steps = new BatchIterator(train::get, order::epoch, plan, 0, 0)) {
      while (batches.size() < run.get("batches").size()) {
        StepBatch step = steps.next();
        step.microBatches().forEach(batch -> batches.add(names(batch)));
      }
    }
    for (int i = 0; i < batches.size(); i++) {
      assertThat(batches.get(i)).isEqualTo(strings(run.get("batches").get(i)));
    }
  }

  @TestFactory
  Stream<DynamicTest> realRunsSeeTheRecordedNumberOfTokens() throws IOException {
    shared("models/SmolLM2-135M-Instruct/tokenizer.json");
    var model = HuggingFaceTokenizer.load(shared("models/SmolLM2-135M-Instruct"));
    var tests = new ArrayList<DynamicTest>();
    try (Stream<Path> runs = Files.list(shared("golden/llamafactory_runs"))) {
      for (Path run : runs.filter(Files::isDirectory).sorted().toList()) {
        String name = run.getFileName().toString();
        if (name.matches("(sft|pt)_(?!qlora).*")) {
          tests.add(DynamicTest.dynamicTest(name, () -> checkTokens(run, model)));
        }
      }
    }
    return tests.stream();
  }

  private void checkTokens(Path run, Tokenizer model) throws IOException {
    var yaml = new TreeMap<String, String>();
    for (String line : Files.readAllLines(run.resolve("run.yaml"))) {
      yaml.put(line.substring(0, line.indexOf(':')), line.substring(line.indexOf(':') + 1).strip());
    }
    boolean pt = yaml.get("stage").equals("pt");
    var options =
        DataOptions.of(
                shared("data"),
                List.of(yaml.get("dataset").split(",")),
                pt ? DataOptions.Stage.PT : DataOptions.Stage.SFT)
            .cache(folder.resolve("cache"))
            .tokenizerDigest("smollm2")
            .cutoffLen(Integer.parseInt(yaml.get("cutoff_len")))
            .maxSamples(Integer.parseInt(yaml.getOrDefault("max_samples", "0")))
            .valSize(Double.parseDouble(yaml.getOrDefault("val_size", "0")))
            .maskHistory(yaml.containsKey("mask_history"))
            .packing(yaml.containsKey("packing") ? Boolean.valueOf(yaml.get("packing")) : null)
            .neatPacking(yaml.containsKey("neat_packing"))
            .threads(2);
    ChatTemplate template = ChatTemplate.named(yaml.get("template"));
    Tokenizer tokenizer = template.fixSpecialTokens(model);
    try (var data = TrainingData.load(options.build(), tokenizer, template)) {
      int batchSize = Integer.parseInt(yaml.get("per_device_train_batch_size"));
      int accumulation = Integer.parseInt(yaml.get("gradient_accumulation_steps"));
      int steps = Integer.parseInt(yaml.get("max_steps"));
      JsonNode first = JSON.readTree(run.resolve("log_history.json").toFile()).get(0);
      int batches = Math.ceilDiv(data.train().size(), batchSize);
      assertThat((double) accumulation / batches).isEqualTo(first.get("epoch").asDouble());
      boolean adapter = yaml.get("finetuning_type").equals("lora");
      double flops =
          JSON.readTree(run.resolve("train_results.json").toFile()).get("total_flos").asDouble();
      assertThat(padded(data.train(), options.build(), batchSize, steps * accumulation))
          .isEqualTo(Math.round(flops / 6 / (MODEL + (adapter ? ADAPTER : 0))));
    }
  }

  /** Tokens of the first batches with the padding that LLaMA-Factory gives them. */
  private static long padded(
      TokenizedDataset train, DataOptions options, int batchSize, int batches) {
    long sum = 0;
    for (int b = 0; b < batches; b++) {
      int longest = 0;
      for (int i = 0; i < batchSize; i++) {
        longest = Math.max(longest, train.length(b * batchSize + i));
      }
      if (options.stage() == DataOptions.Stage.SFT) {
        longest = options.packs() ? options.cutoffLen() : Math.ceilDiv(longest, 8) * 8;
      }
      sum += (long) batchSize * longest;
    }
    return sum;
  }

  private static List<String> names(TokenizedDataset set) {
    var names = new ArrayList<String>();
    for (int i = 0; i < set.size(); i++) {
      int[] learned =
          Arrays.stream(set.get(i).labels()).filter(id -> id != Example.IGNORED).toArray();
      names.add(text(learned));
    }
    return names;
  }

  private static List<String> names(MicroBatch batch) {
    var names = new ArrayList<String>();
    int at = 0;
    int label = 0;
    for (int length : batch.rowLengths()) {
      at += length;
      int from = label;
      while (label < batch.labelled().length && batch.labelled()[label] < at) {
        label++;
      }
      names.add(text(Arrays.copyOfRange(batch.targets(), from, label)));
    }
    return names;
  }

  private static String text(int[] ids) {
    return TestTokenizer.standard(false)
        .decode(Arrays.stream(ids).filter(id -> id < 256).toArray(), true)
        .strip();
  }

  private static List<String> strings(JsonNode list) {
    var strings = new ArrayList<String>();
    list.forEach(element -> strings.add(element.asText()));
    return strings;
  }
}
