package llmengine.peft;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import llmengine.engine.FormatException;

/** {@code adapter_config.json} in the layout of PEFT 0.18. */
final class AdapterConfigFile {
  static final String NAME = "adapter_config.json";

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String LAYOUT = "0.18.1";

  /** Keys that are read, or say nothing about what the adapter computes. */
  private static final Set<String> UNDERSTOOD =
      Set.of(
          "alpha_pattern",
          "auto_mapping",
          "base_model_name_or_path",
          "exclude_modules",
          "fan_in_fan_out", // concerns Conv1D layers only
          "inference_mode",
          "init_lora_weights",
          "layers_pattern",
          "layers_to_transform",
          "lora_alpha",
          "lora_dropout",
          "megatron_core",
          "modules_to_save",
          "peft_type",
          "peft_version",
          "qalora_group_size", // counts only with use_qalora
          "r",
          "rank_pattern",
          "revision",
          "runtime_config",
          "target_modules",
          "task_type",
          "use_rslora");

  /** Initialisations that leave the base weights as they were. */
  private static final Set<String> PLAIN_INITS =
      Set.of("true", "false", "gaussian", "orthogonal", "eva");

  private final Path file;
  private final ObjectNode json;

  private AdapterConfigFile(Path file, ObjectNode json) {
    this.file = file;
    this.json = json;
  }

  /**
   * The settings in a directory.
   *
   * @throws FormatException if the file is missing or malformed, or asks for what is not supported
   */
  static LoraConfig read(Path directory) {
    Path file = directory.resolve(NAME);
    if (!Files.isRegularFile(file)) {
      throw new FormatException(
          directory
              + ": not an adapter: expected a directory with "
              + NAME
              + ", got none. Check adapter_name_or_path.");
    }
    try {
      if (JSON.readTree(file.toFile()) instanceof ObjectNode object) {
        return new AdapterConfigFile(file, object).config();
      }
      throw new FormatException(file + ": expected a JSON object, got something else.");
    } catch (JacksonException e) {
      throw new FormatException(
          file
              + ": not valid JSON: "
              + e.getOriginalMessage()
              + " at line "
              + e.getLocation().getLineNr()
              + ".",
          e);
    } catch (IOException e) {
      throw new FormatException(file + ": can't be read: " + e + ".", e);
    }
  }

  private LoraConfig config() {
    if (!json.path("peft_type").asText().equals("LORA")) {
      throw unsupported("peft_type", json.path("peft_type"));
    }
    for (var entry : json.properties()) {
      if (!UNDERSTOOD.contains(entry.getKey()) && !isNeutral(entry.getValue())) {
        throw unsupported(entry.getKey(), entry.getValue());
      }
    }
    JsonNode init = json.path("init_lora_weights");
    if (!init.isMissingNode() && !init.isNull() && !PLAIN_INITS.contains(init.asText())) {
      throw unsupported("init_lora_weights", init); // the base weights were changed with it
    }
    Optional<Targets> targets = targets("target_modules");
    if (targets.isEmpty()) {
      throw bad("target_modules", "a list of names or a pattern", json.path("target_modules"));
    }
    return new LoraConfig(
        (int) number("r", 8),
        number("lora_alpha", 8),
        number("lora_dropout", 0),
        json.path("use_rslora").asBoolean(false),
        targets.get(),
        targets("exclude_modules"),
        texts("layers_to_transform").stream().map(this::index).toList(),
        texts("layers_pattern"),
        ranks(),
        patterns("alpha_pattern"),
        texts("modules_to_save"));
  }

  private static boolean isNeutral(JsonNode value) {
    return value.isNull()
        || value.isBoolean() && !value.asBoolean()
        || value.isContainerNode() && value.isEmpty()
        || value.isTextual() && value.asText().equals("none"); // bias: none
  }

  private FormatException unsupported(String key, JsonNode value) {
    return new FormatException(
        file
            + ": not supported yet: "
            + key
            + ": expected a plain LoRA adapter, got "
            + value
            + ". Merge the adapter with the program that made it.");
  }

  private FormatException bad(String key, String expected, Object got) {
    return new FormatException(
        file + ": " + key + ": expected " + expected + ", got " + got + ". Is the file whole?");
  }

  private double number(String key, double otherwise) {
    JsonNode node = json.path(key);
    if (node.isMissingNode()) {
      return otherwise;
    }
    boolean rank = key.equals("r");
    if (!node.isNumber() || node.asDouble() < 0 || rank && node.asInt() < 1) {
      throw bad(key, rank ? "a whole number above 0" : "a number from 0 on", node);
    }
    return node.asDouble();
  }

  private int index(String text) {
    try {
      return Integer.parseInt(text);
    } catch (NumberFormatException e) {
      throw bad("layers_to_transform", "indices of layers", text);
    }
  }

  private List<String> texts(String key) {
    JsonNode node = json.path(key);
    List<String> texts = new ArrayList<>();
    if (node.isValueNode() && !node.isNull()) {
      texts.add(node.asText());
    }
    node.forEach(n -> texts.add(n.asText()));
    return texts;
  }

  private Optional<Targets> targets(String key) {
    JsonNode node = json.path(key);
    if (node.isTextual()) {
      String text = node.asText();
      return Optional.of(
          text.equals("all-linear") ? new Targets.All() : new Targets.Regex(checked(key, text)));
    }
    List<String> names = texts(key);
    return names.isEmpty() ? Optional.empty() : Optional.of(new Targets.Names(names));
  }

  private Map<String, Integer> ranks() {
    Map<String, Integer> ranks = new LinkedHashMap<>();
    patterns("rank_pattern").forEach((k, v) -> ranks.put(k, v.intValue()));
    return ranks;
  }

  private Map<String, Double> patterns(String key) {
    Map<String, Double> patterns = new LinkedHashMap<>();
    for (var entry : json.path(key).properties()) {
      if (!entry.getValue().isNumber() || entry.getValue().asDouble() <= 0) {
        throw bad(key + "." + entry.getKey(), "a number above 0", entry.getValue());
      }
      patterns.put(checked(key, entry.getKey()), entry.getValue().asDouble());
    }
    return patterns;
  }

  private String checked(String key, String pattern) {
    try {
      Pattern.compile(pattern);
      return pattern;
    } catch (PatternSyntaxException e) {
      throw bad(key, "a regular expression", pattern + " (" + e.getDescription() + ")");
    }
  }

  /** Writes the file as PEFT does: all keys, sorted. */
  static void write(Path directory, LoraConfig config, String baseModel) {
    Map<String, Object> all = new TreeMap<>();
    for (String absent :
        List.of(
            "alora_invocation_tokens",
            "arrow_config",
            "auto_mapping",
            "corda_config",
            "eva_config",
            "layer_replication",
            "megatron_config",
            "revision",
            "target_parameters",
            "trainable_token_indices")) {
      all.put(absent, null);
    }
    for (String off :
        List.of("ensure_weight_tying", "fan_in_fan_out", "lora_bias", "use_dora", "use_qalora")) {
      all.put(off, false);
    }
    all.put("alpha_pattern", sorted(config.alphaPattern()));
    all.put("base_model_name_or_path", baseModel);
    all.put("bias", "none");
    all.put("exclude_modules", config.excluded().map(AdapterConfigFile::value).orElse(null));
    all.put("inference_mode", true);
    all.put("init_lora_weights", true);
    all.put("layers_pattern", orNull(config.layersPattern()));
    all.put("layers_to_transform", orNull(config.layers()));
    all.put("loftq_config", Map.of());
    all.put("lora_alpha", whole(config.alpha()));
    all.put("lora_dropout", config.dropout());
    all.put("megatron_core", "megatron.core");
    all.put("modules_to_save", orNull(config.modulesToSave()));
    all.put("peft_type", "LORA");
    all.put("peft_version", LAYOUT);
    all.put("qalora_group_size", 16);
    all.put("r", config.rank());
    all.put("rank_pattern", sorted(config.rankPattern()));
    all.put("target_modules", value(config.targets()));
    all.put("task_type", "CAUSAL_LM");
    all.put("use_rslora", config.rsLora());
    Path file = directory.resolve(NAME);
    Path temporary = directory.resolve("." + NAME + ".tmp");
    DefaultPrettyPrinter printer = new DefaultPrettyPrinter();
    printer.indentArraysWith(DefaultIndenter.SYSTEM_LINEFEED_INSTANCE);
    try {
      Files.write(temporary, JSON.writer(printer).writeValueAsBytes(all));
      Files.move(
          temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      throw new FormatException(
          file
              + ": can't be written: expected room for it and write permission, got "
              + e
              + ". Free space or choose another directory.",
          e);
    }
  }

  private static Object value(Targets targets) {
    return switch (targets) {
      case Targets.All all -> "all-linear";
      case Targets.Names names -> names.names();
      case Targets.Regex regex -> regex.pattern();
    };
  }

  /** PEFT sorts patterns when it saves. */
  private static Map<String, Object> sorted(Map<String, ?> patterns) {
    Map<String, Object> sorted = new TreeMap<>();
    patterns.forEach((k, v) -> sorted.put(k, v instanceof Double d ? whole(d) : v));
    return sorted;
  }

  private static List<?> orNull(List<?> list) {
    return list.isEmpty() ? null : list;
  }

  /** A number without a fraction is written as an integer. */
  private static Number whole(double value) {
    return value == Math.rint(value) ? (Number) (long) value : (Number) value;
  }
}
