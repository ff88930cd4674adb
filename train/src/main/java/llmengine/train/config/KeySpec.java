package llmengine.train.config;

import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** One supported key, read from its record component. */
record KeySpec(String name, Class<? extends Record> section, Type type, Key key) {

  static KeySpec of(Class<? extends Record> section, RecordComponent component) {
    return new KeySpec(
        Text.snakeCase(component.getName()),
        section,
        component.getGenericType(),
        component.getAnnotation(Key.class));
  }

  /** Whether the key may be null. */
  boolean isNullable() {
    return raw(type) == Optional.class;
  }

  /** The component's type without Optional. */
  Type valueType() {
    return isNullable() ? argument(type) : type;
  }

  boolean isBoolean() {
    return valueType() == boolean.class || valueType() == Boolean.class;
  }

  boolean isList() {
    return raw(valueType()) == List.class;
  }

  boolean isMap() {
    return raw(valueType()) == java.util.Map.class;
  }

  /** Element type of a list. */
  Type elementType() {
    return argument(valueType());
  }

  boolean isTrainingOnly() {
    return section.getAnnotation(Section.class).trainingOnly();
  }

  /** The words allowed, including other spellings; empty if any is. */
  List<String> choices() {
    List<String> choices = new ArrayList<>(List.of(key.choices()));
    if (valueType() instanceof Class<?> c && c.isEnum()) {
      Arrays.stream(c.getEnumConstants())
          .map(constant -> Text.snakeCase(constant.toString()))
          .forEach(choices::add);
    }
    for (String alias : key.alias()) {
      choices.add(alias.substring(0, alias.indexOf('=')));
    }
    return choices;
  }

  /** The type in words, as messages and the documentation name it. */
  String expected() {
    if (!choices().isEmpty()) {
      return (isList() ? "a list of " : "one of ") + String.join(", ", choices());
    }
    Type t = valueType();
    if (isList()) {
      return elementType() == Double.class
          ? "a list of numbers" + range()
          : "a list, as a,b or [a, b]";
    } else if (isMap()) {
      return "a mapping or a JSON object";
    } else if (isBoolean()) {
      return "true or false";
    } else if (t == int.class || t == Integer.class) {
      return "a whole number" + range();
    } else if (t == double.class || t == Double.class) {
      return "a number" + range();
    } else if (t == Steps.class) {
      return "a whole number of steps, or a share of the run above 0 and below 1";
    } else if (t == ValSize.class) {
      return "0, a share above 0 and below 1, or a whole number of rows";
    } else {
      return t == java.nio.file.Path.class ? "a path" : "a text";
    }
  }

  /** Whether a number lies within the key's bounds. */
  boolean allows(double number) {
    return number >= key.min()
        && number <= key.max()
        && number > key.above()
        && number < key.below();
  }

  private String range() {
    StringBuilder range = new StringBuilder();
    bound(range, ">=", key.min());
    bound(range, ">", key.above());
    bound(range, "<=", key.max());
    bound(range, "<", key.below());
    return range.toString();
  }

  private static void bound(StringBuilder range, String sign, double bound) {
    if (Double.isFinite(bound)) {
      String number = bound == Math.rint(bound) ? "" + (long) bound : "" + bound;
      range.append(range.isEmpty() ? " " : " and ").append(sign).append(' ').append(number);
    }
  }

  private static Class<?> raw(Type type) {
    return type instanceof ParameterizedType p ? (Class<?>) p.getRawType() : (Class<?>) type;
  }

  private static Type argument(Type type) {
    return ((ParameterizedType) type).getActualTypeArguments()[0];
  }
}
