package llmengine.data.template.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A Python dict: keeps the order of insertion; 1, 1.0 and True are one key. */
final class Dict {
  /** Largest tuple as a key, and how deep tuples in it may be nested. */
  private static final int TUPLE = 16;

  private static final int TUPLE_DEPTH = 3;

  private final Map<Object, Map.Entry<Object, Object>> entries = new LinkedHashMap<>();

  Dict put(Object key, Object value) {
    Object same = hashed(key);
    Map.Entry<Object, Object> known = entries.get(same);
    Object first = known == null ? key : known.getKey();
    entries.put(same, new java.util.AbstractMap.SimpleImmutableEntry<>(first, value));
    return this;
  }

  boolean has(Object key) {
    return entries.containsKey(hashed(key));
  }

  /** The value; null also if there is none. */
  Object get(Object key) {
    return getOr(key, null);
  }

  Object getOr(Object key, Object otherwise) {
    Map.Entry<Object, Object> entry = entries.get(hashed(key));
    return entry == null ? otherwise : entry.getValue();
  }

  int size() {
    return entries.size();
  }

  List<Object> keys() {
    List<Object> keys = new ArrayList<>(entries.size());
    entries.values().forEach(entry -> keys.add(entry.getKey()));
    return keys;
  }

  List<Object> values() {
    List<Object> values = new ArrayList<>(entries.size());
    entries.values().forEach(entry -> values.add(entry.getValue()));
    return values;
  }

  /** Pairs of key and value. */
  List<Object> items() {
    List<Object> items = new ArrayList<>(entries.size());
    entries.values().forEach(entry -> items.add(Tuple.of(entry.getKey(), entry.getValue())));
    return items;
  }

  Dict copy() {
    Dict copy = new Dict();
    copy.entries.putAll(entries);
    return copy;
  }

  /** A key that equals and hashes as Python's does. */
  private static Object hashed(Object key) {
    return hashed(key, 0);
  }

  private static Object hashed(Object key, int depth) {
    return switch (key) {
      case null -> Undefined.class; // None: any object that no key can be
      case Boolean flag -> flag ? 1L : 0L;
      case Markup markup -> markup.text();
      case Double d when d == Math.rint(d) && Math.abs(d) < 1e15 -> d.longValue();
      case Tuple tuple when tuple.elements().size() > TUPLE || depth == TUPLE_DEPTH ->
          throw new TemplateError("a tuple is too large for a key");
      case Tuple tuple -> tuple.elements().stream().map(e -> hashed(e, depth + 1)).toList();
      case List<?> list -> throw unhashable(list);
      case Dict dict -> throw unhashable(dict);
      case Undefined undefined -> throw undefined.error();
      default -> key;
    };
  }

  private static TemplateError unhashable(Object key) {
    return new TemplateError("unhashable type: '" + Values.typeName(key) + "'");
  }
}
