package llmengine.peft;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import llmengine.engine.Backend;
import llmengine.engine.Scope;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;
import llmengine.nn.Batch;
import llmengine.nn.CausalLoss;
import llmengine.nn.Decoder;
import llmengine.nn.load.Pretrained;

/** A Llama of two layers with fresh weights, and what tests do with it. */
final class TinyModel {
  private static final int[] IDS = {3, 1, 4, 1, 5, 9, 2, 6};

  private TinyModel() {}

  static Decoder create(Backend backend, Path dir, boolean tied) throws IOException {
    return create(backend, dir, tied, 12);
  }

  static Decoder create(Backend backend, Path dir, boolean tied, int width) throws IOException {
    ObjectNode config = new ObjectMapper().createObjectNode();
    config.put("model_type", "llama").put("vocab_size", 19).put("hidden_size", width);
    config.put("num_attention_heads", 3).put("num_key_value_heads", 1).put("head_dim", 4);
    config.put("intermediate_size", 20).put("num_hidden_layers", 2);
    config.put("initializer_range", 0.3).put("tie_word_embeddings", tied);
    Files.writeString(dir.resolve("config.json"), config.toString());
    try (Pretrained files = Pretrained.open(dir)) {
      return files.fromScratch(backend, 7);
    }
  }

  static float[] logits(Decoder model) {
    try (Scope scope = new Scope(model.backend(), "test")) {
      Tape tape = Tape.inference(scope);
      return model.logits(tape, model.hidden(tape, Batch.of(scope, IDS, IDS.length))).toFloats();
    }
  }

  /** Forward and backward over one batch; gradients remain. */
  static void backward(Decoder model) {
    try (Scope scope = new Scope(model.backend(), "micro-batch")) {
      Tape tape = Tape.training(scope);
      Tensor hidden = model.hidden(tape, Batch.of(scope, IDS, IDS.length));
      CausalLoss.apply(tape, model, hidden, new int[] {1, 3, 6}, new int[] {4, 5, 6}, 1 / 3f);
      tape.backward();
    }
  }
}
