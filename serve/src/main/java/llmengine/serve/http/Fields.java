package llmengine.serve.http;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;

/**
 * An object of a request, read strictly: each field once by its name and type, and {@link #end}
 * refuses what nobody has asked for. A field that is null is absent. All methods throw {@link
 * ApiException} 400 that names the field.
 */
public final class Fields {
  private final JsonNode json;
  private final String path; // in front of names: empty, or as messages[0].
  private final Set<String> read = new HashSet<>();
  private final Set<String> refused = new HashSet<>();

  private Fields(JsonNode json, String path) {
    this.json = json;
    this.path = path;
  }

  /** The fields of an object. */
  public static Fields of(JsonNode object) {
    return new Fields(object, "");
  }

  /** The field's value as it is. */
  public Optional<JsonNode> value(String name) {
    read.add(name);
    JsonNode value = json.get(name);
    return value == null || value.isNull() ? Optional.empty() : Optional.of(value);
  }

  public Optional<String> text(String name) {
    Optional<JsonNode> value = value(name);
    value.filter(v -> !v.isTextual()).ifPresent(v -> misfit(name, "a string", v));
    return value.map(JsonNode::textValue);
  }

  public Optional<Boolean> flag(String name) {
    Optional<JsonNode> value = value(name);
    value.filter(v -> !v.isBoolean()).ifPresent(v -> misfit(name, "true or false", v));
    return value.map(JsonNode::booleanValue);
  }

  public OptionalInt integer(String name, int min, int max) {
    Optional<JsonNode> value = value(name);
    if (value.isEmpty()) {
      return OptionalInt.empty();
    }
    String expected =
        max == Integer.MAX_VALUE
            ? "an integer of " + min + " or more"
            : "an integer from " + min + " to " + max;
    JsonNode number = value.get();
    boolean whole = number.isNumber() && number.doubleValue() == Math.rint(number.doubleValue());
    if (!whole) {
      throw misfit(name, expected, number);
    }
    if (number.doubleValue() < min || number.doubleValue() > max) {
      throw invalid(name, expected, show(number));
    }
    return OptionalInt.of(number.intValue());
  }

  public Optional<Long> longInteger(String name) {
    Optional<JsonNode> value = value(name);
    value
        .filter(v -> !v.isIntegralNumber() || !v.canConvertToLong())
        .ifPresent(v -> misfit(name, "an integer of 64 bits", v));
    return value.map(JsonNode::longValue);
  }

  public Optional<Double> number(String name, double min, double max) {
    Optional<JsonNode> value = value(name);
    String expected = "a number from " + plain(min) + " to " + plain(max);
    value.filter(v -> !v.isNumber()).ifPresent(v -> misfit(name, expected, v));
    Optional<Double> number = value.map(JsonNode::doubleValue);
    if (number.filter(n -> !(n >= min && n <= max)).isPresent()) {
      throw invalid(name, expected, show(value.get()));
    }
    return number;
  }

  public Optional<Fields> object(String name) {
    Optional<JsonNode> value = value(name);
    value.filter(v -> !v.isObject()).ifPresent(v -> misfit(name, "an object", v));
    return value.map(v -> new Fields(v, path + name + "."));
  }

  /** The objects of a list. */
  public Optional<List<Fields>> objects(String name) {
    Optional<JsonNode> value = value(name);
    if (value.isEmpty()) {
      return Optional.empty();
    }
    JsonNode list = value.get();
    if (!list.isArray()) {
      throw misfit(name, "a list of objects", list);
    }
    List<Fields> objects = new ArrayList<>();
    for (int i = 0; i < list.size(); i++) {
      String element = name + "[" + i + "]";
      if (!list.get(i).isObject()) {
        throw misfit(element, "an object", list.get(i));
      }
      objects.add(new Fields(list.get(i), path + element + "."));
    }
    return Optional.of(objects);
  }

  /** A string or a list of strings; empty if absent. */
  public List<String> texts(String name) {
    Optional<JsonNode> value = value(name);
    if (value.isEmpty()) {
      return List.of();
    }
    JsonNode given = value.get();
    if (given.isTextual()) {
      return List.of(given.textValue());
    }
    if (!given.isArray()
        || StreamSupport.stream(given.spliterator(), false).anyMatch(v -> !v.isTextual())) {
      throw misfit(name, "a string or a list of strings", given);
    }
    return StreamSupport.stream(given.spliterator(), false).map(JsonNode::textValue).toList();
  }

  /** The word, which must be one of these. */
  public Optional<String> word(String name, String... words) {
    Optional<String> word = text(name);
    if (word.isPresent() && !List.of(words).contains(word.get())) {
      throw invalid(name, "one of " + String.join(", ", words), "\"" + word.get() + "\"");
    }
    return word;
  }

  /**
   * Refuses a known field that is not honoured, unless its value asks for what is done anyway.
   *
   * @param neutral such values, as JSON
   */
  public void unsupported(String name, String... neutral) {
    Optional<JsonNode> value = value(name);
    refused.add(name);
    if (value.isPresent() && !Set.of(neutral).contains(value.get().toString())) {
      throw ApiException.badRequest(
          path + name,
          "unsupported_parameter",
          path
              + name
              + ": not supported: expected "
              + (neutral.length == 0 ? "no such field" : String.join(" or ", neutral))
              + ", got "
              + show(value.get())
              + ". Leave it out.");
    }
  }

  /** The field's full name, as errors give it. */
  public String name(String name) {
    return path + name;
  }

  public boolean has(String name) {
    return json.hasNonNull(name);
  }

  public JsonNode json() {
    return json;
  }

  /** Refuses fields that were not read. */
  public void end() {
    Set<String> unknown =
        json.properties().stream()
            .map(java.util.Map.Entry::getKey)
            .filter(name -> !read.contains(name))
            .collect(Collectors.toCollection(java.util.LinkedHashSet::new));
    if (!unknown.isEmpty()) {
      String first = unknown.iterator().next();
      throw ApiException.badRequest(
          path + first,
          "unknown_parameter",
          path
              + first
              + ": unknown field: expected "
              + read.stream()
                  .filter(name -> !refused.contains(name))
                  .sorted()
                  .collect(Collectors.joining(", "))
              + ", got "
              + String.join(", ", unknown)
              + ".");
    }
  }

  /** The error of a field that is needed. */
  public ApiException missing(String name, String expected) {
    return ApiException.badRequest(
        path + name,
        "missing_required_parameter",
        path + name + ": missing: expected " + expected + ", got no such field.");
  }

  /** The error of a value that does not hold. */
  public ApiException invalid(String name, String expected, String got) {
    return ApiException.badRequest(
        path + name,
        "invalid_value",
        path + name + ": invalid value: expected " + expected + ", got " + got + ".");
  }

  private ApiException misfit(String name, String expected, JsonNode got) {
    throw ApiException.badRequest(
        path + name,
        "invalid_type",
        path + name + ": invalid type: expected " + expected + ", got " + show(got) + ".");
  }

  /** A value for a message, cut if it is long. */
  public static String show(JsonNode value) {
    String text = value.toString();
    return text.length() <= 60 ? text : text.substring(0, 57) + "...";
  }

  private static String plain(double number) {
    return number == Math.rint(number)
        ? String.format(Locale.ROOT, "%.0f", number)
        : Double.toString(number);
  }
}
