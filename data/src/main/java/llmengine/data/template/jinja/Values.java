package llmengine.data.template.jinja;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Map;

/**
 * Values of a template: null (None), {@link Boolean}, {@link Long}, {@link BigInteger}, {@link
 * Double}, {@link String}, {@link List}, {@link Tuple}, {@link Dict}, and what only templates have
 * ({@link Undefined}, {@link Namespace}, {@link Function}, {@link Generator}, {@link DictView},
 * {@link Loop}).
 */
final class Values {
  /** Deepest nesting of lists and dicts. */
  static final int DEPTH = 200;

  private Values() {}

  /** From JSON-like Java values; {@code size} counts characters and elements. */
  static Object of(Object value, long[] size) {
    return of(value, size, 0);
  }

  private static Object of(Object value, long[] size, int depth) {
    size[0]++;
    if (depth > DEPTH) {
      throw new TemplateError("a variable is nested too deep: expected at most " + DEPTH);
    }
    return switch (value) {
      case null -> null;
      case String text -> {
        size[0] += text.length();
        yield text;
      }
      case Boolean flag -> flag;
      case Double d -> d;
      case Float f -> (double) f;
      case BigDecimal d -> d.doubleValue();
      case BigInteger n -> Numbers.normal(n);
      case Number n -> n.longValue();
      case Map<?, ?> map -> {
        Dict dict = new Dict();
        map.forEach((key, v) -> dict.put(of(key, size, depth + 1), of(v, size, depth + 1)));
        yield dict;
      }
      case Iterable<?> elements -> {
        List<Object> list = new ArrayList<>();
        elements.forEach(element -> list.add(of(element, size, depth + 1)));
        yield Collections.unmodifiableList(list);
      }
      default ->
          throw new TemplateError("a variable can't be a " + value.getClass().getSimpleName());
    };
  }

  static boolean truth(Object value) {
    return switch (value) {
      case null -> false;
      case Boolean flag -> flag;
      case Long n -> n != 0;
      case Double d -> d != 0;
      case String text -> !text.isEmpty();
      case Markup markup -> !markup.text().isEmpty();
      case List<?> list -> !list.isEmpty();
      case Tuple tuple -> !tuple.elements().isEmpty();
      case Dict dict -> dict.size() > 0;
      case DictView view -> !view.elements().isEmpty();
      case Undefined undefined -> false;
      default -> true;
    };
  }

  static String typeName(Object value) {
    return switch (value) {
      case null -> "NoneType";
      case Boolean flag -> "bool";
      case Long n -> "int";
      case BigInteger n -> "int";
      case Double d -> "float";
      case String text -> "str";
      case Markup markup -> "Markup";
      case Range range -> "range";
      case List<?> list -> "list";
      case Tuple tuple -> "tuple";
      case Dict dict -> "dict";
      case DictView view -> "dict_" + view.kind();
      case Generator generator -> "generator";
      case Undefined undefined -> "Undefined";
      case Namespace namespace -> "Namespace";
      case Loop loop -> "LoopContext";
      case Macro macro -> "Macro";
      default -> "function";
    };
  }

  /** Elements of what can be looped over. */
  static Iterator<Object> iterate(Object value) {
    return value instanceof Generator generator ? generator.elements() : elements(value).iterator();
  }

  /** All elements; a generator is used up. */
  @SuppressWarnings("unchecked")
  static List<Object> elements(Object value) {
    return switch (value) {
      case List<?> list -> (List<Object>) list;
      case Tuple tuple -> tuple.elements();
      case String text -> Text.points(text);
      case Markup markup -> Text.points(markup.text());
      case Dict dict -> dict.keys();
      case DictView view -> view.elements();
      case Undefined undefined -> List.of();
      case Generator generator -> {
        List<Object> all = new ArrayList<>();
        generator.elements().forEachRemaining(all::add);
        yield all;
      }
      case null -> throw notIterable(value);
      default -> throw notIterable(value);
    };
  }

  private static TemplateError notIterable(Object value) {
    return new TemplateError("'" + typeName(value) + "' object is not iterable");
  }

  static boolean isIterable(Object value) {
    return value instanceof List
        || value instanceof Tuple
        || value instanceof String
        || value instanceof Dict
        || value instanceof DictView
        || value instanceof Undefined
        || value instanceof Generator
        || value instanceof Loop;
  }

  /** Python's len. */
  static int length(Object value) {
    return switch (value) {
      case String text -> Text.length(text);
      case Markup markup -> Text.length(markup.text());
      case List<?> list -> list.size();
      case Tuple tuple -> tuple.elements().size();
      case Dict dict -> dict.size();
      case DictView view -> view.elements().size();
      case Undefined undefined -> 0;
      case Loop loop -> loop.length();
      case null -> throw new TemplateError("object of type 'NoneType' has no len()");
      default -> throw new TemplateError("object of type '" + typeName(value) + "' has no len()");
    };
  }

  /** Python's str. */
  static String text(Object value) {
    return switch (value) {
      case String text -> text;
      case Markup markup -> markup.text();
      case Undefined undefined -> "";
      case null -> "None";
      default -> repr(value);
    };
  }

  /** Python's repr. */
  static String repr(Object value) {
    StringBuilder out = new StringBuilder();
    Repr.write(value, out, 0);
    return out.toString();
  }

  static List<Object> list(Object... elements) {
    return Arrays.asList(elements);
  }
}
