package llmengine.train.config;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** A value as written, before the key's type decides what it means. */
sealed interface Value {

  /** A word or number; {@code quoted} text is never null. */
  record Scalar(String text, boolean quoted) implements Value {}

  /** A list. */
  record Sequence(List<Value> items) implements Value {}

  /** A mapping, in the order written. */
  record Mapping(LinkedHashMap<String, Value> entries) implements Value {}

  /** Whether this is YAML's null. */
  default boolean isNull() {
    return this instanceof Scalar(String text, boolean quoted)
        && !quoted
        && (text.isEmpty() || text.equals("~") || text.equalsIgnoreCase("null"));
  }

  /** The value on one line, as messages show it. */
  default String show() {
    return switch (this) {
      case Scalar s -> s.quoted() ? '"' + s.text() + '"' : s.text().isEmpty() ? "null" : s.text();
      case Sequence s -> s.items().stream().map(Value::show).toList().toString();
      case Mapping m ->
          m.entries().entrySet().stream()
              .map(e -> e.getKey() + ": " + e.getValue().show())
              .collect(Collectors.joining(", ", "{", "}"));
    };
  }

  /**
   * The value as plain Java objects: Boolean, Long, Double, String, List or Map. Numbers may be
   * quoted; entries of a mapping that are null are left out, as if they were not given.
   */
  default Object plain() {
    return switch (this) {
      case Scalar s -> resolved(s);
      case Sequence s -> s.items().stream().map(Value::plain).toList();
      case Mapping m -> {
        Map<String, Object> plain = new LinkedHashMap<>();
        m.entries()
            .forEach(
                (key, value) -> {
                  if (!value.isNull()) {
                    plain.put(key, value.plain());
                  }
                });
        yield plain;
      }
    };
  }

  private static Object resolved(Scalar scalar) {
    String text = scalar.text();
    if (text.matches("[-+]?\\d{1,18}")) {
      return Long.valueOf(text);
    } else if (Text.number(text).isPresent()) {
      return Text.number(text).get();
    } else if (!scalar.quoted() && Text.truth(text).isPresent()) {
      return Text.truth(text).get();
    }
    return text;
  }
}
