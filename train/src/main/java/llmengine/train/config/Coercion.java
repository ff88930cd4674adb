package llmengine.train.config;

import java.lang.reflect.Type;
import java.math.BigDecimal;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * Turns values as written into the type of their key. The key's type decides what a word means: for
 * {@code eval_strategy} a bare {@code no} is a choice, for {@code bf16} it is false, for {@code
 * model_revision} 1.0 is a text. Numbers and booleans may be quoted, as "1e-4" often is.
 */
final class Coercion {

  /** The value does not fit its key; the message says what it is instead. */
  static final class Misfit extends Exception {
    private static final long serialVersionUID = 1L;

    Misfit(String message) {
      super(message, null, false, false);
    }
  }

  private Coercion() {}

  /** The default of a key. */
  static Object preset(KeySpec spec) {
    try {
      return typed(spec, YamlFile.inline(spec.key().preset()));
    } catch (Misfit e) {
      throw new IllegalStateException("preset of " + spec.name() + ": " + e.getMessage(), e);
    }
  }

  /** The value in the type of the key's record component. */
  static Object typed(KeySpec spec, Value value) throws Misfit {
    if (value.isNull()) {
      if (spec.isNullable()) {
        return Optional.empty();
      } else if (spec.isList() && spec.key().preset().equals("[]")) {
        return List.of();
      } else if (spec.isMap()) {
        return java.util.Map.of();
      }
      throw new Misfit("may not be null");
    }
    Object typed = spec.isList() ? list(spec, value) : spec.isMap() ? map(value) : one(spec, value);
    return spec.isNullable() ? Optional.of(typed) : typed;
  }

  private static Object one(KeySpec spec, Value value) throws Misfit {
    if (!(value instanceof Value.Scalar(String text, boolean quoted))) {
      throw new Misfit(value instanceof Value.Sequence ? "a list" : "a mapping");
    }
    Type type = spec.valueType();
    if (type instanceof Class<?> c && c.isEnum()) {
      return choice(spec, c, text);
    } else if (type == Steps.class) {
      return new Steps(steps(text));
    } else if (type == ValSize.class) {
      return valSize(text);
    }
    return scalar(spec, type, text);
  }

  private static Object scalar(KeySpec spec, Type type, String text) throws Misfit {
    if (type == boolean.class || type == Boolean.class) {
      return Text.truth(text).orElseThrow(() -> new Misfit("not a boolean"));
    } else if (type == int.class || type == Integer.class) {
      int number = whole(text);
      bounded(spec, number);
      return number;
    } else if (type == double.class || type == Double.class) {
      double number = Text.number(text).orElseThrow(() -> new Misfit("not a number"));
      bounded(spec, number);
      return number;
    } else if (type == Path.class) {
      try {
        return Path.of(text);
      } catch (InvalidPathException e) {
        throw new Misfit("not a path");
      }
    }
    return text;
  }

  private static void bounded(KeySpec spec, double number) throws Misfit {
    if (!spec.allows(number)) {
      throw new Misfit("out of range");
    }
  }

  private static Object choice(KeySpec spec, Class<?> choices, String text) throws Misfit {
    String word = text;
    for (String alias : spec.key().alias()) {
      int equals = alias.indexOf('=');
      if (alias.substring(0, equals).equalsIgnoreCase(text)) {
        word = alias.substring(equals + 1);
      }
    }
    for (Object constant : choices.getEnumConstants()) {
      if (Text.snakeCase(constant.toString()).equals(word)) {
        return constant;
      }
    }
    throw notAChoice(spec, text);
  }

  private static Misfit notAChoice(KeySpec spec, String word) {
    return new Misfit(
        Arrays.asList(spec.key().later()).contains(word) ? "not supported yet" : "unknown choice");
  }

  private static List<Object> list(KeySpec spec, Value value) throws Misfit {
    List<Object> list = new ArrayList<>();
    for (Value item : items(value)) {
      if (!(item instanceof Value.Scalar(String text, boolean quoted)) || item.isNull()) {
        throw new Misfit("has an element that is not a word");
      }
      if (spec.key().choices().length > 0 && !Arrays.asList(spec.key().choices()).contains(text)) {
        throw notAChoice(spec, text);
      }
      list.add(scalar(spec, spec.elementType(), text));
    }
    return List.copyOf(list);
  }

  /** The elements of a list, or of a comma-separated text, trimmed. */
  private static List<Value> items(Value value) throws Misfit {
    return switch (value) {
      case Value.Sequence(List<Value> items) -> items;
      case Value.Mapping mapping -> throw new Misfit("a mapping");
      case Value.Scalar(String text, boolean quoted) ->
          text.startsWith("[") || text.startsWith("{")
              ? items(parsed(text))
              : Arrays.stream(text.split(","))
                  .map(String::strip)
                  .filter(word -> !word.isEmpty())
                  .<Value>map(word -> new Value.Scalar(word, true))
                  .toList();
    };
  }

  private static Object map(Value value) throws Misfit {
    return switch (value) {
      case Value.Mapping mapping -> mapping.plain();
      case Value.Scalar(String text, boolean quoted) when text.startsWith("{") -> map(parsed(text));
      default -> throw new Misfit("not a mapping");
    };
  }

  /** The value that a text in JSON or YAML's flow style holds. */
  private static Value parsed(String text) throws Misfit {
    Value value = YamlFile.inline(text);
    if (value instanceof Value.Scalar) {
      throw new Misfit("malformed");
    }
    return value;
  }

  private static int whole(String text) throws Misfit {
    if (Text.number(text).isEmpty()) {
      throw new Misfit("not a whole number");
    }
    try {
      return new BigDecimal(text).intValueExact();
    } catch (ArithmeticException e) {
      throw new Misfit("not a whole number of 32 bits");
    }
  }

  private static double steps(String text) throws Misfit {
    double number = Text.number(text).orElseThrow(() -> new Misfit("not a number"));
    if (number <= 0 || number >= 1 && number != Math.rint(number)) {
      throw new Misfit("neither a count nor a share");
    }
    return number;
  }

  /** Counts and shares differ at 1: a bare 1 is one row, 1.0 would leave nothing to train on. */
  private static ValSize valSize(String text) throws Misfit {
    double number = Text.number(text).orElseThrow(() -> new Misfit("not a number"));
    if (number >= 0 && number <= 1e-6) {
      return new ValSize.None();
    } else if (number > 0 && number < 1) {
      return new ValSize.Share(number);
    } else if (number >= 1 && number == Math.rint(number) && !text.matches("\\+?1\\.0*")) {
      return new ValSize.Rows((int) number);
    }
    throw new Misfit("neither a count nor a share");
  }
}
