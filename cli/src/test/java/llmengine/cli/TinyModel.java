package llmengine.cli;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import llmengine.engine.Backend;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Tape;
import llmengine.engine.cpu.VectorBackend;
import llmengine.nn.Batch;
import llmengine.nn.Decoder;
import llmengine.nn.Parameter;
import llmengine.nn.load.Pretrained;
import llmengine.peft.Adapters;
import llmengine.peft.LoraConfig;
import llmengine.peft.Targets;
import llmengine.train.checkpoint.WeightFiles;

/** A checkpoint with random weights, an adapter of it and a dataset, made for a test. */
final class TinyModel {
  private static final String CONFIG =
      """
      {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 320,
       "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
       "num_attention_heads": 4, "num_key_value_heads": 2, "hidden_act": "silu",
       "max_position_embeddings": %d, "rope_theta": 10000.0, "rms_norm_eps": 1e-05,
       "initializer_range": 0.3, "tie_word_embeddings": true, "torch_dtype": "float32",
       "eos_token_id": 272}
      """;

  private TinyModel() {}

  /** A checkpoint of about 25,000 weights with this context. */
  static Path write(Path folder, int context) throws IOException {
    Files.createDirectories(folder);
    Files.writeString(folder.resolve("config.json"), CONFIG.formatted(context));
    for (String name : List.of("tokenizer.json", "tokenizer_config.json")) {
      try (InputStream in = TinyModel.class.getResourceAsStream(name)) {
        Files.copy(in, folder.resolve(name));
      }
    }
    try (Pretrained files = Pretrained.open(folder);
        Backend backend = new VectorBackend();
        Decoder model = files.fromScratch(backend, files.spec(), 7)) {
      WeightFiles.writeModel(folder, model, DType.F32, 1L << 30);
    }
    return folder;
  }

  /** A LoRA adapter that changes the model's results. */
  static Path writeAdapter(Path folder, Path base, int seed, String... wholeModules)
      throws IOException {
    Files.createDirectories(folder);
    try (Pretrained files = Pretrained.open(base);
        Backend backend = new VectorBackend();
        Decoder model = files.load(backend);
        Adapters adapters =
            Adapters.create(
                model,
                LoraConfig.of(4, 8, new Targets.All()).withModulesToSave(List.of(wholeModules)),
                seed)) {
      Random random = new Random(seed);
      for (Parameter p : adapters.parameters()) {
        float[] values = p.value().toFloats();
        for (int i = 0; i < values.length; i++) {
          values[i] += (float) (0.05 * random.nextGaussian());
        }
        p.value().set(values);
      }
      adapters.save(folder, base.toString());
    }
    return folder;
  }

  /** A folder with the dataset {@code talk} of a few questions and answers. */
  static Path writeData(Path folder) throws IOException {
    Files.createDirectories(folder);
    Files.writeString(
        folder.resolve("dataset_info.json"), "{\"talk\": {\"file_name\": \"talk.json\"}}");
    Files.writeString(
        folder.resolve("talk.json"),
        """
        [{"instruction": "who?", "input": "", "output": "me"},
         {"instruction": "where?", "input": "", "output": "here and there"},
         {"instruction": "when?", "input": "", "output": "now"},
         {"instruction": "why?", "input": "", "output": "because"}]
        """);
    return folder;
  }

  /** Logits at all positions of some ids, with adapters attached rather than merged. */
  static float[] logits(Path folder, List<Path> adapters) {
    try (Pretrained files = Pretrained.open(folder);
        Backend backend = new VectorBackend();
        Decoder model = files.load(backend);
        Scope scope = new Scope(backend, "test")) {
      if (!adapters.isEmpty()) {
        Adapters.mergeAll(model, adapters.subList(0, adapters.size() - 1));
        Adapters.open(model, adapters.getLast(), false); // goes with the process
      }
      int[] ids = {5, 17, 99, 200, 3, 44, 61, 272};
      Tape tape = Tape.inference(scope);
      return model.logits(tape, model.hidden(tape, Batch.of(scope, ids, ids.length))).toFloats();
    }
  }
}
