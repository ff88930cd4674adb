package llmengine.train;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.BooleanSupplier;
import llmengine.data.TrainingData;
import llmengine.engine.Backend;
import llmengine.engine.DType;
import llmengine.engine.cpu.VectorBackend;
import llmengine.nn.Decoder;
import llmengine.nn.load.Pretrained;
import llmengine.train.checkpoint.JsonFiles;
import llmengine.train.checkpoint.WeightFiles;
import llmengine.train.config.RunConfig;
import llmengine.train.model.ModelSession;

/** A checkpoint with random weights, datasets of short rows, and runs on them. */
final class ShortRun {
  private static final String CONFIG =
      """
      {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": %d,
       "hidden_size": %d, "intermediate_size": %d, "num_hidden_layers": 2,
       "num_attention_heads": 4, "num_key_value_heads": 2, "hidden_act": "silu",
       "max_position_embeddings": 512, "rope_theta": 10000.0, "rms_norm_eps": 1e-05,
       "initializer_range": 0.3, "tie_word_embeddings": true, "torch_dtype": "float32",
       "eos_token_id": 272}
      """;
  static final BooleanSupplier NEVER = () -> false;

  final Path folder;
  final Path model;
  final Path data;

  ShortRun(Path folder) throws IOException {
    this(folder, 320, 32);
  }

  ShortRun(Path folder, int vocabulary, int width) throws IOException {
    this.folder = folder;
    model = Files.createDirectories(folder.resolve("model"));
    data = Files.createDirectories(folder.resolve("data"));
    Files.writeString(
        model.resolve("config.json"), CONFIG.formatted(vocabulary, width, width * 3 / 2));
    for (String name : List.of("tokenizer.json", "tokenizer_config.json")) {
      try (InputStream in = ShortRun.class.getResourceAsStream(name)) {
        Files.copy(in, model.resolve(name));
      }
    }
    try (Pretrained files = Pretrained.open(model);
        Backend backend = new VectorBackend();
        Decoder decoder = files.fromScratch(backend, files.spec(), 7)) {
      WeightFiles.writeModel(model, decoder, DType.F32, 1L << 30);
    }
    Files.writeString(
        data.resolve("dataset_info.json"),
        "{\"talk\": {\"file_name\": \"talk.jsonl\"}, \"more\": {\"file_name\": \"more.jsonl\"}}");
    Files.writeString(data.resolve("talk.jsonl"), rows(1, 11));
    Files.writeString(data.resolve("more.jsonl"), rows(2, 5));
  }

  private static String rows(int seed, int count) {
    Random random = new Random(seed);
    StringBuilder lines = new StringBuilder();
    for (int i = 0; i < count; i++) {
      lines.append(
          "{\"instruction\": \"%s\", \"input\": \"\", \"output\": \"%s\"}\n"
              .formatted(text(random, 6), text(random, 20)));
    }
    return lines.toString();
  }

  private static String text(Random random, int most) {
    StringBuilder t = new StringBuilder();
    for (int n = 1 + random.nextInt(most); n > 0; n--) {
      t.append((char) ('a' + random.nextInt(26)));
    }
    return t.toString();
  }

  Path output(String name) {
    return folder.resolve(name);
  }

  /** The configuration of a run into this folder; later words win. */
  RunConfig config(String name, String... more) {
    Map<String, String> words = new java.util.LinkedHashMap<>();
    List<String> all =
        new ArrayList<>(
            List.of(
                "model_name_or_path=" + model,
                "dataset_dir=" + data,
                "dataset=talk",
                "template=chatml",
                "stage=sft",
                "do_train=true",
                "finetuning_type=lora",
                "cutoff_len=128",
                "logging_steps=1",
                "save_strategy=no",
                "learning_rate=0.01",
                "per_device_train_batch_size=2",
                "output_dir=" + output(name)));
    all.addAll(List.of(more));
    for (String word : all) {
      words.put(word.substring(0, word.indexOf('=')), word);
    }
    return RunConfig.forTraining(List.copyOf(words.values()));
  }

  Trainer.End run(String name, String... more) {
    return run(NEVER, name, more);
  }

  Trainer.End run(BooleanSupplier interrupted, String name, String... more) {
    PrintStream nowhere =
        new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8);
    return new Training(config(name, more), nowhere, interrupted).run();
  }

  /** True from the n-th time on that it is asked: after n steps of a run. */
  static BooleanSupplier after(int n) {
    int[] asked = {0};
    return () -> ++asked[0] >= n;
  }

  /** The opened parts of a run on a backend of the test's own. */
  record Parts(
      RunConfig config,
      ModelSession session,
      TrainingData data,
      Decoder model,
      FineTuning method) {}

  /** Uses the opened parts. */
  interface Use {
    void use(Parts parts) throws IOException;
  }

  void open(Backend backend, RunConfig config, Use use) throws IOException {
    try (ModelSession session = ModelSession.open(config);
        TrainingData rows =
            TrainingData.load(
                Data.options(config, session), session.tokenizer(), session.template());
        Decoder decoder = session.load(backend);
        FineTuning method = FineTuning.of(config, session, decoder, java.util.Optional.empty())) {
      decoder.checkpointing(config.recomputesActivations());
      use.use(new Parts(config, session, rows, decoder, method));
    }
  }

  JsonNode state(String name) {
    return JsonFiles.read(output(name).resolve("trainer_state.json"));
  }

  /** The log without what a clock says. */
  List<JsonNode> log(String name) {
    List<JsonNode> lines = new ArrayList<>();
    for (JsonNode line : state(name).path("log_history")) {
      ObjectNode copy = line.deepCopy();
      copy.properties().stream()
          .map(Map.Entry::getKey)
          .filter(k -> k.endsWith("_runtime") || k.endsWith("_per_second"))
          .toList()
          .forEach(copy::remove);
      lines.add(copy);
    }
    return lines;
  }

  List<Double> values(String name, String key) {
    List<Double> values = new ArrayList<>();
    for (JsonNode line : log(name)) {
      if (line.has(key)) {
        values.add(line.path(key).asDouble());
      }
    }
    return values;
  }

  /** trainer_log.jsonl without times. */
  List<String> lines(String name) throws IOException {
    return Files.readAllLines(output(name).resolve("trainer_log.jsonl")).stream()
        .map(l -> l.replaceAll(",\"(elapsed|remaining)_time\":\"[^\"]*\"", ""))
        .toList();
  }

  /** The content of a folder's weight files by name. */
  Map<String, String> weights(String name) throws IOException {
    Map<String, String> content = new HashMap<>();
    try (var files = Files.list(output(name))) {
      for (Path p : (Iterable<Path>) files::iterator) {
        if (p.toString().endsWith(".safetensors")) {
          content.put(
              p.getFileName().toString(),
              new String(Files.readAllBytes(p), StandardCharsets.ISO_8859_1));
        }
      }
    }
    return content;
  }

  boolean exists(String name) {
    return Files.exists(folder.resolve(name));
  }
}
