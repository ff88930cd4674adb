package llmengine.nn.model;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import llmengine.engine.Activation;
import llmengine.engine.FormatException;

/**
 * A checkpoint's {@code config.json}, read with checks. {@code where} names the file in messages.
 */
public final class ModelConfig {
  private final String where;
  private final ObjectNode json;

  public ModelConfig(String where, ObjectNode json) {
    this.where = where;
    this.json = json;
  }

  public ObjectNode json() {
    return json;
  }

  public String modelType() {
    return textOr("model_type", "");
  }

  FormatException bad(String key, String expected, Object got) {
    return new FormatException(
        where + ": " + key + ": expected " + expected + ", got " + got + ". Is the file whole?");
  }

  int positiveInt(String key) {
    JsonNode node = json.path(key);
    if (!node.isIntegralNumber() || node.asInt() < 1) {
      throw bad(key, "a whole number above 0", node.isMissingNode() ? "nothing" : node);
    }
    return node.asInt();
  }

  int intOr(String key, int otherwise) {
    JsonNode node = json.path(key);
    if (node.isMissingNode() || node.isNull()) {
      return otherwise;
    }
    if (!node.isIntegralNumber()) {
      throw bad(key, "a whole number", node);
    }
    return node.asInt();
  }

  double doubleOr(String key, double otherwise) {
    return number(json, key, otherwise);
  }

  private double number(JsonNode in, String key, double otherwise) {
    JsonNode node = in.path(key);
    if (node.isMissingNode() || node.isNull()) {
      return otherwise;
    }
    if (!node.isNumber()) {
      throw bad(key, "a number", node);
    }
    return node.asDouble();
  }

  boolean booleanOr(String key, boolean otherwise) {
    JsonNode node = json.path(key);
    if (node.isMissingNode() || node.isNull()) {
      return otherwise;
    }
    if (!node.isBoolean()) {
      throw bad(key, "true or false", node);
    }
    return node.asBoolean();
  }

  String textOr(String key, String otherwise) {
    JsonNode node = json.path(key);
    return node.isTextual() ? node.asText() : otherwise;
  }

  /** Ids under a key that holds one number, a list, or nothing. */
  public List<Integer> ids(String key) {
    List<Integer> ids = new ArrayList<>();
    JsonNode node = json.path(key);
    if (node.isIntegralNumber()) {
      ids.add(node.asInt());
    }
    node.forEach(n -> ids.add(n.asInt()));
    return ids;
  }

  Activation activation(String key) {
    String name = textOr(key, "silu");
    return switch (name) {
      case "silu", "swish" -> Activation.SILU;
      case "gelu" -> Activation.GELU;
      case "gelu_pytorch_tanh", "gelu_new" -> Activation.GELU_TANH;
      case "relu" -> Activation.RELU;
      default -> throw bad(key, "silu, gelu, gelu_pytorch_tanh or relu", name);
    };
  }

  /**
   * Which layers attend within the sliding window, from {@code layer_types}; empty if the key is
   * absent.
   */
  Optional<boolean[]> slidingLayers(int layers) {
    JsonNode types = json.path("layer_types");
    if (!types.isArray()) {
      return Optional.empty();
    }
    if (types.size() != layers) {
      throw bad("layer_types", layers + " entries", types.size());
    }
    boolean[] sliding = new boolean[layers];
    for (int i = 0; i < layers; i++) {
      String type = types.get(i).asText();
      if (!type.equals("sliding_attention") && !type.equals("full_attention")) {
        throw bad("layer_types[" + i + "]", "sliding_attention or full_attention", type);
      }
      sliding[i] = type.equals("sliding_attention");
    }
    return Optional.of(sliding);
  }

  /**
   * The rotary embedding that all layers share: {@code rope_parameters}, or {@code rope_theta} and
   * {@code rope_scaling}.
   */
  RopeSpec rope(int headDim) {
    JsonNode parameters = json.path("rope_parameters");
    if (parameters.path("full_attention").isObject()) {
      parameters = parameters.path("full_attention");
    }
    if (!parameters.isObject()) {
      parameters = json.path("rope_scaling");
    }
    return rope(headDim, parameters, doubleOr("rope_theta", 10000));
  }

  /**
   * The rotary embedding of one kind of layer under {@code rope_parameters}; empty if the file has
   * no such split.
   */
  Optional<RopeSpec> rope(int headDim, String layerType) {
    JsonNode parameters = json.path("rope_parameters").path(layerType);
    return parameters.isObject()
        ? Optional.of(rope(headDim, parameters, doubleOr("rope_theta", 10000)))
        : Optional.empty();
  }

  private RopeSpec rope(int headDim, JsonNode p, double fallbackTheta) {
    double theta = number(p, "rope_theta", fallbackTheta);
    double partial = number(p, "partial_rotary_factor", doubleOr("partial_rotary_factor", 1));
    int dims = (int) (headDim * partial);
    String type = p.path("rope_type").asText(p.path("type").asText("default"));
    double factor = number(p, "factor", 1);
    int original =
        (int)
            number(
                p,
                "original_max_position_embeddings",
                doubleOr(
                    "original_max_position_embeddings", intOr("max_position_embeddings", 2048)));
    RopeSpec.Scaling scaling =
        switch (type) {
          case "default" -> new RopeSpec.None();
          case "linear" -> new RopeSpec.LinearScaling(factor);
          case "dynamic" -> new RopeSpec.Dynamic(factor, intOr("max_position_embeddings", 2048));
          case "yarn" ->
              new RopeSpec.Yarn(
                  factor,
                  original,
                  number(p, "beta_fast", 32),
                  number(p, "beta_slow", 1),
                  number(p, "attention_factor", 0),
                  p.path("truncate").asBoolean(true));
          case "llama3" ->
              new RopeSpec.Llama3(
                  factor,
                  number(p, "low_freq_factor", 1),
                  number(p, "high_freq_factor", 4),
                  original);
          default ->
              throw new FormatException(
                  where
                      + ": rope_type: not supported yet: expected default, linear, dynamic, yarn or"
                      + " llama3, got "
                      + type
                      + ".");
        };
    return new RopeSpec(theta, dims, scaling);
  }
}
