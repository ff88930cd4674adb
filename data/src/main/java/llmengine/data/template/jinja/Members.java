package llmengine.data.template.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** Attributes, elements and slices of values, with what the sandbox of transformers allows. */
record Members(Interpreter interpreter) {
  private static final Set<String> LIST_CHANGES =
      Set.of("append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort");
  private static final Set<String> DICT_CHANGES =
      Set.of("clear", "pop", "popitem", "setdefault", "update");

  /** {@code object.name}: a method goes before a dict's entry. */
  Object attribute(Object owner, String name) {
    Object object = Markup.plain(owner);
    if (object instanceof Undefined undefined) {
      throw undefined.error();
    }
    Object own = name.startsWith("_") ? Arguments.ABSENT : own(object, name);
    if (!Arguments.isAbsent(own)) {
      return own;
    } else if (object instanceof Dict dict && dict.has(name)) {
      return dict.get(name);
    }
    return name.startsWith("__") ? unsafe(object, name) : Undefined.member(object, name);
  }

  /** {@code object[key]}: a dict's entry goes before a method. */
  Object item(Object owner, Object key) {
    Object object = Markup.plain(owner);
    if (object instanceof Undefined undefined) {
      throw undefined.error();
    } else if (object instanceof Dict dict) {
      if (isKey(key) && dict.has(key)) {
        return dict.get(key);
      }
    } else if (key != null && Numbers.isWhole(key)) {
      Object element = element(object, key);
      if (!Arguments.isAbsent(element)) {
        return element;
      }
    }
    if (key instanceof String name) {
      Object own = name.startsWith("_") ? Arguments.ABSENT : own(object, name);
      return !Arguments.isAbsent(own) ? own : Undefined.member(object, name);
    } else if (key instanceof Undefined) {
      return new Undefined(Undefined.member(object, "").reason());
    }
    return Undefined.member(object, key);
  }

  private static boolean isKey(Object key) {
    return !(key instanceof List || key instanceof Dict || key instanceof Undefined);
  }

  private static Object element(Object object, Object key) {
    int index = Numbers.index(key);
    return switch (object) {
      case String text -> {
        int length = Text.length(text);
        int at = index < 0 ? index + length : index;
        yield at >= 0 && at < length ? Text.part(text, at, at + 1) : Arguments.ABSENT;
      }
      case List<?> list -> element(list, index);
      case Tuple tuple -> element(tuple.elements(), index);
      case null -> Arguments.ABSENT;
      default -> Arguments.ABSENT;
    };
  }

  private static Object element(List<?> list, int index) {
    int at = index < 0 ? index + list.size() : index;
    return at >= 0 && at < list.size() ? list.get(at) : Arguments.ABSENT;
  }

  /** {@code object[start:stop:step]}; each bound may be null. */
  Object slice(Object owner, Object start, Object stop, Object step) {
    Object object = Markup.plain(owner);
    if (object instanceof Undefined undefined) {
      throw undefined.error();
    }
    int length =
        switch (object) {
          case String text -> Text.length(text);
          case List<?> list -> list.size();
          case Tuple tuple -> tuple.elements().size();
          case null -> -1;
          default -> -1;
        };
    if (length < 0) {
      return Undefined.member(object, "slice");
    }
    int by = step == null ? 1 : Math.clamp(Numbers.index(step), -length - 1, length + 1);
    if (by == 0) {
      if (Numbers.index(step) == 0) {
        throw new TemplateError("slice step cannot be zero");
      }
      by = 1; // nothing to slice
    }
    int from = bound(start, length, by > 0 ? 0 : length - 1, by);
    int to = bound(stop, length, by > 0 ? length : -1, by);
    int count = by > 0 ? (to - from + by - 1) / by : (to - from + by + 1) / by;
    count = Math.max(0, count);
    return switch (object) {
      case String text -> interpreter.budget().text(Text.every(text, from, by, count));
      case List<?> list -> every(list, from, by, count);
      case Tuple tuple -> new Tuple(every(tuple.elements(), from, by, count));
      default -> throw new IllegalStateException();
    };
  }

  private static int bound(Object given, int length, int absent, int by) {
    if (given == null) {
      return absent;
    }
    long at = Numbers.index(given);
    at = at < 0 ? at + length : at;
    return (int) (by > 0 ? Math.clamp(at, 0, length) : Math.clamp(at, -1, length - 1));
  }

  private List<Object> every(List<?> list, int from, int by, int count) {
    interpreter.budget().elements(count);
    List<Object> out = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      out.add(list.get(from + i * by));
    }
    return out;
  }

  /** An attribute that isn't an entry, or {@link Arguments#ABSENT}. */
  private Object own(Object object, String name) {
    return switch (object) {
      case String text -> new TextMethods(text, interpreter).method(name);
      case Range range -> Arguments.ABSENT;
      case List<?> list ->
          LIST_CHANGES.contains(name) ? unsafe(object, name) : listMethod(list, name, true);
      case Tuple tuple -> listMethod(tuple.elements(), name, false);
      case Dict dict -> DICT_CHANGES.contains(name) ? unsafe(object, name) : dictMethod(dict, name);
      case Namespace namespace -> namespace.attributes.getOrDefault(name, Arguments.ABSENT);
      case Loop loop -> loop.attribute(name, interpreter.order());
      case Macro macro ->
          switch (name) {
            case "name" -> macro.name();
            case "arguments" -> new Tuple(List.copyOf(macro.signature().parameters()));
            case "caller" -> macro.signature().takesCaller();
            case "catch_kwargs" -> macro.signature().takesNamed();
            case "catch_varargs" -> macro.signature().takesMore();
            default -> Arguments.ABSENT;
          };
      case null -> Arguments.ABSENT;
      default -> Arguments.ABSENT;
    };
  }

  private static Undefined unsafe(Object object, String name) {
    return new Undefined(
        "access to attribute '"
            + name
            + "' of '"
            + Values.typeName(object)
            + "' object is unsafe.");
  }

  private Object listMethod(List<?> list, String name, boolean copies) {
    return switch (name) {
      case "index" ->
          Function.of(
              name,
              arguments -> {
                Object value = arguments.bind(name, 1, "value")[0];
                for (int i = 0; i < list.size(); i++) {
                  if (interpreter.order().equal(list.get(i), value)) {
                    return (long) i;
                  }
                }
                throw new TemplateError(Values.repr(value) + " is not in list");
              });
      case "count" ->
          Function.of(
              name,
              arguments -> {
                Object value = arguments.bind(name, 1, "value")[0];
                return list.stream().filter(e -> interpreter.order().equal(e, value)).count();
              });
      case "copy" ->
          !copies
              ? Arguments.ABSENT
              : Function.of(
                  name,
                  arguments -> {
                    arguments.none(name);
                    return every(list, 0, 1, list.size());
                  });
      default -> Arguments.ABSENT;
    };
  }

  private Object dictMethod(Dict dict, String name) {
    return switch (name) {
      case "get" ->
          Function.of(
              name,
              arguments -> {
                Object[] values = arguments.bind(name, 1, "key", "default");
                return dict.getOr(values[0], Arguments.or(values[1], null));
              });
      case "keys" -> view(name, dict, Dict::keys);
      case "values" -> view(name, dict, Dict::values);
      case "items" -> view(name, dict, Dict::items);
      case "copy" ->
          Function.of(
              name,
              arguments -> {
                arguments.none(name);
                interpreter.budget().elements(dict.size());
                return dict.copy();
              });
      case "fromkeys" ->
          Function.of(
              name,
              arguments -> {
                Object[] values = arguments.bind(name, 1, "iterable", "value");
                Dict made = new Dict();
                for (Object key : Values.elements(values[0])) {
                  made.put(key, Arguments.or(values[1], null));
                }
                return made;
              });
      default -> Arguments.ABSENT;
    };
  }

  private Object view(
      String name, Dict dict, java.util.function.Function<Dict, List<Object>> elements) {
    return Function.of(
        name,
        arguments -> {
          arguments.none(name);
          interpreter.budget().spend(dict.size());
          return new DictView(name, elements.apply(dict));
        });
  }
}
