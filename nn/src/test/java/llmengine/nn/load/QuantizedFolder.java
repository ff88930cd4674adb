package llmengine.nn.load;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.Predicate;
import llmengine.engine.Scope;
import llmengine.engine.Tape;
import llmengine.engine.file.SafetensorsType;
import llmengine.engine.file.SafetensorsWriter;
import llmengine.engine.file.TensorSource;
import llmengine.nn.Batch;
import llmengine.nn.Decoder;
import llmengine.nn.generate.KvCache;
import llmengine.nn.generate.KvSequence;

/** A tiny qwen2 (its attention has biases) saved packed, and once more with decoded weights. */
final class QuantizedFolder {
  static final int VOCAB = 64;
  static final int WIDTH = 64;
  static final int FEED_FORWARD = 96;

  /** The tensors that take the place of {@code module.weight}. */
  interface Encoder {
    List<TensorSource> encode(String module, float[] weight, int rows, int cols);
  }

  private final Path folder;

  QuantizedFolder(Path folder) {
    this.folder = folder;
  }

  private static ObjectNode config() {
    ObjectNode config = JsonNodeFactory.instance.objectNode();
    config.put("model_type", "qwen2");
    config.putArray("architectures").add("Qwen2ForCausalLM");
    config.put("vocab_size", VOCAB);
    config.put("hidden_size", WIDTH);
    config.put("intermediate_size", FEED_FORWARD);
    config.put("num_hidden_layers", 2);
    config.put("num_attention_heads", 4);
    config.put("num_key_value_heads", 2);
    config.put("max_position_embeddings", 128);
    config.put("rms_norm_eps", 1e-6);
    config.put("hidden_act", "silu");
    config.put("tie_word_embeddings", false);
    return config;
  }

  /** All weights by name, with their shapes. */
  private static Map<String, int[]> shapes() {
    Map<String, int[]> shapes = new LinkedHashMap<>();
    shapes.put("model.embed_tokens.weight", new int[] {VOCAB, WIDTH});
    for (int l = 0; l < 2; l++) {
      String at = "model.layers." + l + ".";
      for (String p : List.of("q_proj", "k_proj", "v_proj")) {
        int out = p.equals("q_proj") ? WIDTH : WIDTH / 2;
        shapes.put(at + "self_attn." + p + ".weight", new int[] {out, WIDTH});
        shapes.put(at + "self_attn." + p + ".bias", new int[] {out});
      }
      shapes.put(at + "self_attn.o_proj.weight", new int[] {WIDTH, WIDTH});
      shapes.put(at + "mlp.gate_proj.weight", new int[] {FEED_FORWARD, WIDTH});
      shapes.put(at + "mlp.up_proj.weight", new int[] {FEED_FORWARD, WIDTH});
      shapes.put(at + "mlp.down_proj.weight", new int[] {WIDTH, FEED_FORWARD});
      shapes.put(at + "input_layernorm.weight", new int[] {WIDTH});
      shapes.put(at + "post_attention_layernorm.weight", new int[] {WIDTH});
    }
    shapes.put("model.norm.weight", new int[] {WIDTH});
    shapes.put("lm_head.weight", new int[] {VOCAB, WIDTH});
    return shapes;
  }

  static boolean isLinear(String name) {
    return name.contains("_proj.weight");
  }

  /** A weight of the original. */
  static float[] original(String name, int size) {
    SplittableRandom random = new SplittableRandom(name.hashCode());
    float[] values = new float[size];
    for (int i = 0; i < size; i++) {
      values[i] =
          name.endsWith("norm.weight")
              ? 1 + (float) random.nextGaussian() / 10
              : (float) random.nextGaussian() / 5;
    }
    return values;
  }

  /** Saves the model, linear layers that {@code packs} names as {@code encoder} makes them. */
  Path save(String quantizationConfig, Predicate<String> packs, Encoder encoder)
      throws IOException {
    List<TensorSource> tensors = new ArrayList<>();
    shapes()
        .forEach(
            (name, shape) -> {
              float[] values = original(name, shape[0] * (shape.length == 2 ? shape[1] : 1));
              if (packs.test(name)) {
                String module = name.substring(0, name.length() - ".weight".length());
                tensors.addAll(encoder.encode(module, values, shape[0], shape[1]));
              } else {
                tensors.add(plain(name, values, shape));
              }
            });
    ObjectNode config = config();
    config.set("quantization_config", new ObjectMapper().readTree(quantizationConfig));
    return write("packed", config, tensors);
  }

  private Path write(String name, ObjectNode config, List<TensorSource> tensors)
      throws IOException {
    Path at = folder.resolve(name);
    Files.createDirectories(at);
    Files.writeString(at.resolve("config.json"), config.toString());
    new SafetensorsWriter().write(at.resolve("model.safetensors"), tensors, Map.of());
    return at;
  }

  private static TensorSource plain(String name, float[] values, int... shape) {
    long[] sizes = Arrays.stream(shape).asLongStream().toArray();
    return TensorSource.of(name, SafetensorsType.F32, sizes, MemorySegment.ofArray(values));
  }

  /** Saves what the packed model computes with, decoded. */
  Path saveDecoded(Decoder packed) throws IOException {
    List<TensorSource> tensors = new ArrayList<>();
    packed
        .parameters()
        .forEach(
            (name, p) -> tensors.add(plain(name, p.value().toFloats(), p.value().shape().dims())));
    return write("decoded", config(), tensors);
  }

  /** Logits of a prompt, all of its positions. */
  static float[] logits(Decoder model, int[] ids) {
    try (Scope scope = new Scope(model.backend(), "logits")) {
      Tape tape = Tape.inference(scope);
      Batch batch = Batch.of(scope, ids, ids.length);
      return model.logits(tape, model.hidden(tape, batch)).toFloats();
    }
  }

  /** Greedy answer of some tokens, through the cache. */
  static List<Integer> greedy(Decoder model, int[] prompt, int count) {
    List<Integer> ids = new ArrayList<>();
    int[] next = prompt;
    try (KvCache cache = model.cache()) {
      KvSequence[] keys = {cache.open()};
      while (ids.size() < count) {
        try (Scope scope = new Scope(model.backend(), "step")) {
          Tape tape = Tape.inference(scope);
          Batch batch = Batch.next(scope, cache, next, keys, new int[] {next.length});
          var hidden = model.hidden(tape, batch);
          float[] logits = model.logits(tape, hidden.rows(next.length - 1, next.length)).toFloats();
          int best = 0;
          for (int v = 1; v < logits.length; v++) {
            best = logits[v] > logits[best] ? v : best;
          }
          ids.add(best);
          next = new int[] {best};
        }
      }
    }
    return ids;
  }
}
