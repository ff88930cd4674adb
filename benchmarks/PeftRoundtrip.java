import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import llmengine.engine.Backend;
import llmengine.engine.Scope;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;
import llmengine.engine.cpu.VectorBackend;
import llmengine.engine.file.SafetensorsWriter;
import llmengine.nn.Batch;
import llmengine.nn.CausalLoss;
import llmengine.nn.Decoder;
import llmengine.nn.load.Pretrained;
import llmengine.nn.optim.AdamW;
import llmengine.nn.optim.Gradients;
import llmengine.nn.optim.ParameterGroup;
import llmengine.nn.optim.TensorBytes;
import llmengine.peft.AdapterConfig;
import llmengine.peft.Adapters;
import llmengine.peft.LoraConfig;
import llmengine.peft.LoraStart;
import llmengine.peft.OftConfig;
import llmengine.peft.Targets;

/**
 * The engine's half of {@code peft_roundtrip.py}, run as a source program. Reads lines of a task
 * file: {@code write MODEL ADAPTER TARGETS SAVED METHOD} trains an adapter for a few steps and
 * saves it; {@code read MODEL ADAPTER COPY} opens one and saves it again. Both leave the logits in
 * {@code engine_logits.safetensors} beside what they saved.
 */
final class PeftRoundtrip {
  private static final int TOKENS = 24;
  private static final Backend BACKEND = new VectorBackend();

  public static void main(String[] args) throws IOException {
    for (String line : Files.readAllLines(Path.of(args[0]))) {
      String[] words = line.split(" ");
      try (Pretrained files = Pretrained.open(Path.of(words[1]));
          Decoder model = files.load(BACKEND)) {
        if (words[0].equals("write")) {
          write(model, Path.of(words[2]), names(words[3]), names(words[4]), words[5], words[1]);
        } else {
          try (Adapters adapters = Adapters.open(model, Path.of(words[2]), false)) {
            adapters.save(Files.createDirectories(Path.of(words[3])), words[1]);
            logits(model, Path.of(words[3]));
          }
        }
      }
    }
  }

  private static List<String> names(String words) {
    return words.equals("-") ? List.of() : List.of(words.split(","));
  }

  private static void write(
      Decoder model,
      Path directory,
      List<String> targets,
      List<String> saved,
      String method,
      String base)
      throws IOException {
    LoraConfig lora = LoraConfig.of(8, 16, Targets.of(targets)).withModulesToSave(saved);
    AdapterConfig config =
        switch (method) {
          case "rslora" -> lora.withRsLora(true);
          case "dora" -> lora.withDora(true);
          case "pissa" -> lora.withStart(new LoraStart.Pissa(LoraStart.Pissa.EXACT));
          case "oft" -> new OftConfig(0, 8, 0, OftConfig.TERMS, lora.placement());
          default -> lora;
        };
    try (Adapters adapters = Adapters.create(model, config, 1);
        Scope run = new Scope(BACKEND, "optimizer")) {
      AdamW optimizer =
          new AdamW(run, ParameterGroup.byName(adapters.parameters(), 0.01), 0.9, 0.999, 1e-8);
      for (int step = 0; step < 5; step++) {
        try (Scope scope = new Scope(BACKEND, "step")) {
          int[] ids = ids(model);
          int[] rows = new int[TOKENS - 1];
          int[] labels = new int[TOKENS - 1];
          for (int i = 0; i < rows.length; i++) {
            rows[i] = i;
            labels[i] = ids[i + 1];
          }
          Tape tape = Tape.training(scope);
          Tensor hidden = model.hidden(tape, Batch.of(scope, ids, ids.length));
          CausalLoss.apply(tape, model, hidden, rows, labels, 1f / rows.length);
          tape.backward();
        }
        optimizer.step(0.02, 1);
        Gradients.release(adapters.parameters());
      }
      adapters.save(Files.createDirectories(directory), base);
      logits(model, directory);
    }
  }

  private static void logits(Decoder model, Path directory) {
    try (Scope scope = new Scope(BACKEND, "logits")) {
      Tape tape = Tape.inference(scope);
      Tensor logits = model.logits(tape, model.hidden(tape, Batch.of(scope, ids(model), TOKENS)));
      new SafetensorsWriter()
          .write(
              directory.resolve("engine_logits.safetensors"),
              List.of(TensorBytes.source("logits", logits)),
              Map.of());
    }
  }

  private static int[] ids(Decoder model) {
    int[] ids = new int[TOKENS];
    for (int i = 0; i < TOKENS; i++) {
      ids[i] = (31 * i + 7) % model.spec().vocab();
    }
    return ids;
  }
}
