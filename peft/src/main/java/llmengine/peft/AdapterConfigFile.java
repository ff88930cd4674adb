package llmengine.peft;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import llmengine.engine.FormatException;

/** Reads {@code adapter_config.json} in the layout of PEFT 0.18. */
final class AdapterConfigFile {
  static final String NAME = "adapter_config.json";

  private static final ObjectMapper JSON = new ObjectMapper();

  /** Keys that are read, or say nothing about what the adapter computes. */
  private static final Set<String> UNDERSTOOD =
      Set.of(
          "auto_mapping",
          "base_model_name_or_path",
          "exclude_modules",
          "fan_in_fan_out", // concerns Conv1D layers only
          "inference_mode",
          "layers_pattern",
          "layers_to_transform",
          "modules_to_save",
          "peft_type",
          "peft_version",
          "r",
          "revision",
          "target_modules",
          "task_type");

  private static final Set<String> OF_LORA =
      Set.of(
          "alpha_pattern",
          "init_lora_weights",
          "loftq_config", // counts only with init_lora_weights loftq
          "lora_alpha",
          "lora_dropout",
          "megatron_core",
          "qalora_group_size", // counts only with use_qalora
          "rank_pattern",
          "runtime_config",
          "use_dora",
          "use_rslora");

  private static final Set<String> OF_OFT =
      Set.of(
          "eps", // counts only with coft
          "init_weights",
          "module_dropout",
          "num_cayley_neumann_terms",
          "oft_block_size",
          "use_cayley_neumann");

  /** Initialisations that leave the base weights as they were. */
  private static final Set<String> PLAIN_INITS =
      Set.of("true", "false", "gaussian", "orthogonal", "eva");

  private static final Pattern PISSA = Pattern.compile("pissa(?:_niter_(\\d+))?");

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
  static AdapterConfig read(Path directory) {
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

  private AdapterConfig config() {
    return switch (json.path("peft_type").asText()) {
      case "LORA" -> lora();
      case "OFT" -> oft();
      default -> throw unsupported("peft_type", "LORA or OFT", json.path("peft_type"));
    };
  }

  private LoraConfig lora() {
    allUnderstood(OF_LORA);
    return new LoraConfig(
        (int) number("r", 8),
        number("lora_alpha", 8),
        number("lora_dropout", 0),
        json.path("use_rslora").asBoolean(false),
        json.path("use_dora").asBoolean(false),
        start(json.path("init_lora_weights")),
        placement(),
        ranks(),
        patterns("alpha_pattern"));
  }

  private LoraStart start(JsonNode init) {
    String name = init.asText();
    if (init.isMissingNode() || init.isNull() || PLAIN_INITS.contains(name)) {
      return new LoraStart.Plain();
    }
    Matcher pissa = PISSA.matcher(name);
    if (pissa.matches()) {
      return new LoraStart.Pissa(
          pissa.group(1) == null ? LoraStart.Pissa.EXACT : Integer.parseInt(pissa.group(1)));
    }
    if (name.equals("loftq")) {
      return loftq(json.path("loftq_config"));
    }
    // the base weights were changed with it
    throw unsupported("init_lora_weights", "true, pissa, pissa_niter_N or loftq", init);
  }

  private LoraStart loftq(JsonNode settings) {
    JsonNode bits = settings.path("loftq_bits");
    JsonNode iterations = settings.path("loftq_iter");
    if (!bits.isMissingNode() && bits.asInt() != LoraStart.Loftq.BITS) {
      throw unsupported("loftq_config.loftq_bits", LoraStart.Loftq.BITS + "", bits);
    }
    if (!iterations.isMissingNode() && (!iterations.isInt() || iterations.asInt() < 1)) {
      throw bad("loftq_config.loftq_iter", "a whole number above 0", iterations);
    }
    return new LoraStart.Loftq(iterations.asInt(1)); // PEFT's default
  }

  private OftConfig oft() {
    allUnderstood(OF_OFT);
    boolean series = json.path("use_cayley_neumann").asBoolean(true);
    if (!json.has("oft_block_size") || series && isBefore018(json.path("peft_version").asText())) {
      throw new FormatException(
          file
              + ": an OFT adapter of another formula: expected one of PEFT 0.18 or later, got "
              + (json.has("peft_version") ? json.get("peft_version").asText() : "an older one")
              + ". Merge it with the PEFT that made it.");
    }
    return new OftConfig(
        (int) json.path("r").asDouble(0),
        (int) number("oft_block_size", 0),
        number("module_dropout", 0),
        series ? (int) number("num_cayley_neumann_terms", OftConfig.TERMS) : 0,
        placement());
  }

  private static boolean isBefore018(String version) {
    Matcher m = Pattern.compile("(\\d+)\\.(\\d+).*").matcher(version);
    return !m.matches() || m.group(1).equals("0") && Integer.parseInt(m.group(2)) < 18;
  }

  private void allUnderstood(Set<String> ofMethod) {
    for (var entry : json.properties()) {
      String key = entry.getKey();
      if (!UNDERSTOOD.contains(key) && !ofMethod.contains(key) && !isNeutral(entry.getValue())) {
        throw unsupported(key, "it off or empty", entry.getValue());
      }
    }
  }

  private Placement placement() {
    Optional<Targets> targets = targets("target_modules");
    if (targets.isEmpty()) {
      throw bad("target_modules", "a list of names or a pattern", json.path("target_modules"));
    }
    return new Placement(
        targets.get(),
        targets("exclude_modules"),
        texts("layers_to_transform").stream().map(this::index).toList(),
        texts("layers_pattern"),
        texts("modules_to_save"));
  }

  private static boolean isNeutral(JsonNode value) {
    return value.isNull()
        || value.isBoolean() && !value.asBoolean()
        || value.isContainerNode() && value.isEmpty()
        || value.isTextual() && value.asText().equals("none"); // bias: none
  }

  private FormatException unsupported(String key, String expected, JsonNode value) {
    return new FormatException(
        file
            + ": not supported yet: "
            + key
            + ": expected "
            + expected
            + ", got "
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
}
