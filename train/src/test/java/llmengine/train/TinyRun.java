package llmengine.train;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.BooleanSupplier;
import llmengine.engine.Backend;
import llmengine.engine.DType;
import llmengine.engine.cpu.VectorBackend;
import llmengine.nn.Decoder;
import llmengine.nn.load.Pretrained;
import llmengine.train.checkpoint.WeightFiles;
import llmengine.train.config.RunConfig;

/** A two-layer model with the quickstart's tokenizer and some rows of data, in a folder of its own. */
final class TinyRun {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Path BASE = Path.of("../examples/quickstart-model/base");

  final Path folder;
  String printed = "";

  TinyRun(Path folder) throws IOException {
    this.folder = folder;
    Path model = Files.createDirectories(folder.resolve("model"));
    for (String file : new String[] {"tokenizer.json", "tokenizer_config.json"}) {
      Files.copy(BASE.resolve(file), model.resolve(file));
    }
    ObjectNode config = (ObjectNode) JSON.readTree(BASE.resolve("config.json").toFile());
    config.put("hidden_size", 32).put("intermediate_size", 48).put("num_hidden_layers", 2);
    config.put("num_attention_heads", 4).put("num_key_value_heads", 2).remove("head_dim");
    config.put("initializer_range", 0.2);
    JSON.writeValue(model.resolve("config.json").toFile(), config);
    try (Backend backend = new VectorBackend();
        Pretrained files = Pretrained.open(model);
        Decoder fresh = files.fromScratch(backend, 1)) {
      WeightFiles.writeModel(model, fresh, DType.F32, Long.MAX_VALUE);
    }
    writeRows("rows", 22);
    ObjectNode info = JSON.createObjectNode();
    info.putObject("rows").put("file_name", "rows.json");
    JSON.writeValue(folder.resolve("dataset_info.json").toFile(), info);
  }

  /** Questions and answers of uneven length. */
  void writeRows(String name, int count) throws IOException {
    Random random = new Random(7);
    List<JsonNode> rows = new ArrayList<>();
    String[] words = {"sea", "light", "boat", "red", "wind", "bird", "five", "house"};
    for (int i = 0; i < count; i++) {
      StringBuilder answer = new StringBuilder("It is");
      for (int w = 0; w < 1 + random.nextInt(12); w++) {
        answer.append(' ').append(words[random.nextInt(words.length)]);
      }
      rows.add(
          JSON.createObjectNode()
              .put("instruction", "What is number " + i + "?")
              .put("input", "")
              .put("output", answer + "."));
    }
    JSON.writeValue(folder.resolve(name + ".json").toFile(), rows);
  }

  /** Trains with these words on top of the common ones; output goes to {@code folder/out}. */
  Trainer.End train(String out, BooleanSupplier interrupted, String... words) {
    List<String> all =
        new ArrayList<>(
            List.of(
                "model_name_or_path=" + folder.resolve("model"),
                "dataset_dir=" + folder,
                "dataset=rows",
                "template=chatml",
                "stage=sft",
                "do_train=true",
                "cutoff_len=64",
                "per_device_train_batch_size=3",
                "learning_rate=0.01",
                "logging_steps=1",
                "output_dir=" + folder.resolve(out)));
    for (String word : words) {
      String key = word.substring(0, word.indexOf('=') + 1);
      all.removeIf(w -> w.startsWith(key));
      all.add(word);
    }
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (PrintStream print = new PrintStream(bytes, true, StandardCharsets.UTF_8)) {
      return new Training(RunConfig.forTraining(all), print, interrupted).run();
    } finally {
      printed = bytes.toString(StandardCharsets.UTF_8);
    }
  }

  Trainer.End train(String out, String... words) {
    return train(out, () -> false, words);
  }

  Path out(String name) {
    return folder.resolve(name);
  }

  byte[] bytes(String relative) {
    try {
      return Files.readAllBytes(folder.resolve(relative));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  JsonNode json(String relative) {
    try {
      return JSON.readTree(folder.resolve(relative).toFile());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The values of a key in the log, by line that has it. */
  double[] logged(String out, String key) {
    List<Double> values = new ArrayList<>();
    for (JsonNode line : json(out + "/trainer_state.json").path("log_history")) {
      if (line.has(key)) {
        values.add(line.path(key).asDouble());
      }
    }
    return values.stream().mapToDouble(v -> v).toArray();
  }

  static BooleanSupplier after(int steps) {
    int[] left = {steps};
    return () -> --left[0] <= 0;
  }

  static boolean same(byte[] a, byte[] b) {
    return Arrays.equals(a, b);
  }
}
