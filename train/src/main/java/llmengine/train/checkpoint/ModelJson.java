package llmengine.train.checkpoint;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import llmengine.engine.DType;
import llmengine.nn.Decoder;
import llmengine.nn.model.DecoderSpec;
import llmengine.nn.model.RopeSpec;
import llmengine.train.model.ModelSession;

/** {@code config.json} and {@code generation_config.json} of a model that is written. */
final class ModelJson {
  private ModelJson() {}

  /**
   * The checkpoint's configuration with what differs now: dtype, tied or not, and rope_scaling.
   *
   * @param dtype of the weights that are written
   */
  static ObjectNode model(ModelSession session, Decoder model, DType dtype) {
    ObjectNode json = session.files().config().json().deepCopy();
    String name =
        switch (dtype) {
          case BF16 -> "bfloat16";
          case F16 -> "float16";
          default -> "float32";
        };
    // transformers calls it dtype since 4.56; readers before that know torch_dtype only
    json.put("dtype", name);
    json.put("torch_dtype", name);
    if (isUntied(model)) {
      json.put("tie_word_embeddings", false);
    }
    if (model.spec().vocab() != session.files().spec().vocab()) {
      json.put("vocab_size", model.spec().vocab());
    }
    json.remove("quantization_config");
    DecoderSpec.Layer now = model.spec().layers().getLast();
    if (!now.equals(session.files().spec().layers().getLast())) {
      String key = json.path("rope_parameters").isObject() ? "rope_parameters" : "rope_scaling";
      ObjectNode rope = json.putObject(key);
      rope.put("rope_theta", now.rope().theta());
      scaling(rope, now.rope().scaling());
      json.put("max_position_embeddings", model.spec().context());
    }
    return json;
  }

  /** Whether a tied output projection got weights of its own (modules_to_save). */
  private static boolean isUntied(Decoder model) {
    return model.spec().tied() && model.parameters().containsKey("lm_head.weight");
  }

  private static void scaling(ObjectNode rope, RopeSpec.Scaling scaling) {
    switch (scaling) {
      case RopeSpec.None ignored -> rope.put("rope_type", "default");
      case RopeSpec.LinearScaling s -> {
        rope.put("rope_type", "linear");
        rope.put("factor", s.factor());
      }
      case RopeSpec.Dynamic s -> {
        rope.put("rope_type", "dynamic");
        rope.put("factor", s.factor());
        rope.put("original_max_position_embeddings", s.originalContext());
      }
      case RopeSpec.Yarn s -> {
        rope.put("rope_type", "yarn");
        rope.put("factor", s.factor());
        rope.put("original_max_position_embeddings", s.originalContext());
      }
      case RopeSpec.Llama3 s -> {
        rope.put("rope_type", "llama3");
        rope.put("factor", s.factor());
        rope.put("low_freq_factor", s.lowFrequencyFactor());
        rope.put("high_freq_factor", s.highFrequencyFactor());
        rope.put("original_max_position_embeddings", s.originalContext());
      }
    }
  }

  /**
   * The checkpoint's generation settings; every id that ends an answer under the template is an
   * {@code eos_token_id}, so that whoever loads the model stops where it was taught to.
   */
  static ObjectNode generation(ModelSession session) {
    ObjectNode json = session.files().generationConfig().deepCopy();
    // set explicitly from here on: transformers must not derive it from config.json again
    json.remove("_from_model_config");
    Set<Integer> ends = new LinkedHashSet<>(session.files().config().ids("eos_token_id"));
    if (json.has("eos_token_id")) {
      ends.clear();
      if (json.get("eos_token_id").isInt()) {
        ends.add(json.get("eos_token_id").asInt());
      }
      json.get("eos_token_id").forEach(id -> ends.add(id.asInt()));
    }
    ends.addAll(session.chatFormat().stopIds());
    if (ends.size() == 1) {
      json.put("eos_token_id", ends.iterator().next());
    } else if (!ends.isEmpty()) {
      ArrayNode list = json.putArray("eos_token_id");
      ends.forEach(list::add);
    }
    if (!json.hasNonNull("bos_token_id")) {
      session.tokenizer().bosId().ifPresent(id -> json.put("bos_token_id", id));
    }
    if (!json.hasNonNull("pad_token_id")) {
      session.tokenizer().padId().ifPresent(id -> json.put("pad_token_id", id));
    }
    boolean samples = List.of("temperature", "top_p", "top_k").stream().anyMatch(json::hasNonNull);
    if (samples && !json.path("do_sample").asBoolean(false)) {
      json.put("do_sample", true); // transformers refuses to save sampling settings without it
    }
    return json;
  }
}
