package llmengine.data.template.jinja;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.function.Predicate;

/** Filters that take or make sequences. */
record SequenceFilters(Interpreter interpreter, Filters filters) {

  /** The result, or {@link Arguments#ABSENT} if no filter here has that name. */
  Object apply(String name, Object value, Arguments arguments) {
    return switch (name) {
      case "length", "count" -> {
        arguments.none(name);
        yield (long) Values.length(value);
      }
      case "list" -> {
        arguments.none(name);
        yield all(value);
      }
      case "first" -> {
        arguments.none(name);
        Iterator<Object> elements = Values.iterate(value);
        yield elements.hasNext()
            ? elements.next()
            : new Undefined("No first item, sequence was empty.");
      }
      case "last" -> {
        arguments.none(name);
        List<Object> elements = reversible(value);
        yield elements.isEmpty()
            ? new Undefined("No last item, sequence was empty.")
            : elements.getLast();
      }
      case "reverse" -> {
        arguments.none(name);
        yield value instanceof String text
            ? Text.every(text, Text.length(text) - 1, -1, Text.length(text))
            : new Generator(all(value).reversed().iterator());
      }
      case "join" -> joined(value, arguments);
      case "items" -> {
        arguments.none(name);
        if (!(value instanceof Dict) && !(value instanceof Undefined)) {
          throw new TemplateError("Can only get item pairs from a mapping.");
        }
        List<Object> items = value instanceof Dict dict ? dict.items() : List.of();
        yield new Generator(items.iterator());
      }
      case "map" -> map(value, arguments);
      case "select", "reject" -> {
        Predicate<Object> test = test(arguments);
        yield filtered(value, name.equals("select") ? test : test.negate());
      }
      case "selectattr", "rejectattr" -> {
        if (arguments.positional().isEmpty()) {
          throw new TemplateError("Missing parameter for attribute name");
        }
        Object path = arguments.positional().getFirst();
        Predicate<Object> test = test(arguments.rest());
        Predicate<Object> has = element -> test.test(member(element, path, Arguments.ABSENT));
        yield filtered(value, name.equals("selectattr") ? has : has.negate());
      }
      case "sort" -> {
        Object[] values = arguments.bind(name, 0, "reverse", "case_sensitive", "attribute");
        List<Object> sorted = all(value);
        sorted.sort(order(values[1], values[2], values[0]));
        yield sorted;
      }
      case "unique" -> {
        Object[] values = arguments.bind(name, 0, "case_sensitive", "attribute");
        Dict seen = new Dict();
        for (Object element : all(value)) {
          Object key = key(element, values[0], values[1]);
          if (!seen.has(key)) {
            seen.put(key, element);
          }
        }
        yield new Generator(seen.values().iterator());
      }
      case "min", "max" -> {
        Object[] values = arguments.bind(name, 0, "case_sensitive", "attribute");
        List<Object> elements = all(value);
        if (elements.isEmpty()) {
          yield new Undefined("No aggregated item, sequence was empty.");
        }
        Comparator<Object> order = order(values[0], values[1], Arguments.ABSENT);
        Object best = elements.getFirst();
        for (Object element : elements) {
          int compared = order.compare(element, best);
          best = (name.equals("min") ? compared < 0 : compared > 0) ? element : best;
        }
        yield best;
      }
      case "sum" -> {
        Object[] values = arguments.bind(name, 0, "attribute", "start");
        Operators operators = new Operators(interpreter.budget(), interpreter.order());
        Object sum = Arguments.or(values[1], 0L);
        for (Object element : all(value)) {
          Object part = member(element, Arguments.or(values[0], null), Arguments.ABSENT);
          sum = operators.apply(Expr.Operator.ADD, sum, part);
        }
        yield sum;
      }
      case "dictsort" -> dictSorted(value, arguments);
      case "groupby" -> grouped(value, arguments);
      case "batch" -> batched(value, arguments);
      case "slice" -> slices(value, arguments);
      default -> Arguments.ABSENT;
    };
  }

  private List<Object> all(Object value) {
    List<Object> elements = Values.elements(value);
    interpreter.budget().elements(elements.size());
    return new ArrayList<>(elements);
  }

  private static List<Object> reversible(Object value) {
    if (value instanceof Generator) {
      throw new TemplateError("'generator' object is not reversible");
    }
    return Values.elements(value);
  }

  private Object joined(Object value, Arguments arguments) {
    Object[] values = arguments.bind("join", 0, "d", "attribute");
    String between = Values.text(Arguments.or(values[0], ""));
    StringBuilder out = new StringBuilder();
    String separator = "";
    for (Object element : Values.elements(value)) {
      String text = Values.text(member(element, Arguments.or(values[1], null), Arguments.ABSENT));
      interpreter.budget().spend((long) text.length() + between.length());
      out.append(separator).append(text);
      if (out.length() > Budget.TEXT) {
        throw new TemplateError("a text is too long: expected at most " + Budget.TEXT);
      }
      separator = between;
    }
    return out.toString();
  }

  /** Follows {@code a.b.0}; a path of null is the element itself. */
  private Object member(Object element, Object path, Object otherwise) {
    if (path == null) {
      return element;
    }
    Members members = new Members(interpreter);
    Object value = element;
    List<Object> parts =
        path instanceof String text ? Text.split(text, ".", -1) : Values.list(path);
    for (Object part : parts) {
      boolean index = part instanceof String s && s.length() < 10 && s.matches("[0-9]+");
      value = members.item(value, index ? (Object) Long.parseLong((String) part) : part);
      if (!Arguments.isAbsent(otherwise) && otherwise != null && value instanceof Undefined) {
        value = otherwise;
      }
    }
    return value;
  }

  private Object map(Object value, Arguments arguments) {
    java.util.function.Function<Object, Object> change;
    if (arguments.positional().isEmpty()) {
      Map<String, Object> named = arguments.named();
      if (!named.containsKey("attribute")) {
        throw new TemplateError("map requires a filter argument");
      }
      Object[] values = arguments.bind("map", 0, "attribute", "default");
      change = element -> member(element, values[0], values[1]);
    } else {
      String filter = Values.text(arguments.positional().getFirst());
      Arguments rest = arguments.rest();
      change = element -> filters.apply(filter, element, rest);
    }
    if (!Values.truth(value)) {
      return new Generator(Collections.emptyIterator());
    }
    Iterator<Object> elements = Values.iterate(value);
    return new Generator(
        new Iterator<>() {
          @Override
          public boolean hasNext() {
            interpreter.budget().enter();
            boolean more = elements.hasNext();
            interpreter.budget().leave();
            return more;
          }

          @Override
          public Object next() {
            interpreter.budget().enter();
            Object changed = change.apply(elements.next());
            interpreter.budget().leave();
            return changed;
          }
        });
  }

  private Predicate<Object> test(Arguments arguments) {
    if (arguments.positional().isEmpty()) {
      return Values::truth;
    }
    String name = Values.text(arguments.positional().getFirst());
    Arguments rest = arguments.rest();
    Tests tests = new Tests(interpreter);
    return element -> tests.test(name, element, rest);
  }

  private Object filtered(Object value, Predicate<Object> test) {
    if (!Values.truth(value)) {
      return new Generator(Collections.emptyIterator());
    }
    return new Generator(new Selected(Values.iterate(value), test, interpreter.budget()));
  }

  /** Elements that pass a test, found when they are asked for. */
  private static final class Selected implements Iterator<Object> {
    private final Iterator<Object> all;
    private final Predicate<Object> test;
    private final Budget budget;
    private Object found = Arguments.ABSENT;

    Selected(Iterator<Object> all, Predicate<Object> test, Budget budget) {
      this.all = all;
      this.test = test;
      this.budget = budget;
    }

    @Override
    public boolean hasNext() {
      budget.enter(); // filters of filters of filters
      while (Arguments.isAbsent(found) && all.hasNext()) {
        budget.spend(1);
        Object element = all.next();
        if (test.test(element)) {
          found = element;
        }
      }
      budget.leave();
      return !Arguments.isAbsent(found);
    }

    @Override
    public Object next() {
      if (!hasNext()) {
        throw new NoSuchElementException();
      }
      Object element = found;
      found = Arguments.ABSENT;
      return element;
    }
  }

  private Object key(Object element, Object caseSensitive, Object attribute) {
    Object key = member(element, Arguments.or(attribute, null), Arguments.ABSENT);
    return folded(key, caseSensitive);
  }

  private static Object folded(Object key, Object caseSensitive) {
    return key instanceof String text && !Values.truth(Arguments.or(caseSensitive, false))
        ? Text.lower(text)
        : key;
  }

  private Comparator<Object> order(Object caseSensitive, Object attribute, Object reverse) {
    Object path = Arguments.or(attribute, null);
    List<Object> paths =
        path instanceof String text ? Text.split(text, ",", -1) : Values.list(path);
    Comparator<Object> order =
        (a, b) -> {
          for (Object each : paths) {
            int compared =
                interpreter
                    .order()
                    .compare(key(a, caseSensitive, each), key(b, caseSensitive, each));
            if (compared != 0) {
              return compared;
            }
          }
          return 0;
        };
    return Values.truth(Arguments.or(reverse, false)) ? order.reversed() : order;
  }

  private Object dictSorted(Object value, Arguments arguments) {
    Object[] values = arguments.bind("dictsort", 0, "case_sensitive", "by", "reverse");
    String by = Values.text(Arguments.or(values[1], "key"));
    if (!by.equals("key") && !by.equals("value")) {
      throw new TemplateError("You can only sort by either \"key\" or \"value\"");
    } else if (!(value instanceof Dict dict)) {
      throw new TemplateError("dictsort needs a mapping, got " + Values.typeName(value));
    } else {
      List<Object> items = dict.items();
      items.sort(order(values[0], by.equals("key") ? 0L : 1L, values[2]));
      return items;
    }
  }

  private Object grouped(Object value, Arguments arguments) {
    Object[] values = arguments.bind("groupby", 1, "attribute", "default", "case_sensitive");
    List<Object> sorted = all(value);
    java.util.function.Function<Object, Object> key =
        element -> folded(member(element, values[0], values[1]), values[2]);
    sorted.sort((a, b) -> interpreter.order().compare(key.apply(a), key.apply(b)));
    List<Object> groups = new ArrayList<>();
    List<Object> group = null;
    Object last = null;
    for (Object element : sorted) {
      Object own = key.apply(element);
      if (group == null || !interpreter.order().equal(own, last)) {
        group = new ArrayList<>();
        groups.add(Tuple.of(member(element, values[0], values[1]), group));
        last = own;
      }
      group.add(element);
    }
    return groups;
  }

  private Object batched(Object value, Arguments arguments) {
    Object[] values = arguments.bind("batch", 1, "linecount", "fill_with");
    int size = Math.max(1, Numbers.index(values[0]));
    List<Object> elements = all(value);
    List<Object> rows = new ArrayList<>();
    for (int i = 0; i < elements.size(); i += Math.min(size, elements.size())) {
      rows.add(new ArrayList<>(elements.subList(i, Math.min(elements.size() - i, size) + i)));
    }
    Object fill = Arguments.or(values[1], null);
    if (fill != null && !rows.isEmpty()) {
      interpreter.budget().elements(size);
      fill(rows.getLast(), size, fill);
    }
    return new Generator(rows.iterator());
  }

  @SuppressWarnings("unchecked")
  private static void fill(Object row, int size, Object fill) {
    List<Object> elements = (List<Object>) row;
    while (elements.size() < size) {
      elements.add(fill);
    }
  }

  private Object slices(Object value, Arguments arguments) {
    Object[] values = arguments.bind("slice", 1, "slices", "fill_with");
    int count = Numbers.index(values[0]);
    if (count < 1) {
      throw new TemplateError("slice needs at least one slice");
    }
    interpreter.budget().elements(count);
    List<Object> elements = all(value);
    int each = elements.size() / count;
    int longer = elements.size() % count;
    List<Object> columns = new ArrayList<>();
    int at = 0;
    for (int i = 0; i < count; i++) {
      int size = each + (i < longer ? 1 : 0);
      List<Object> column = new ArrayList<>(elements.subList(at, at + size));
      Object fill = Arguments.or(values[1], null);
      if (fill != null && i >= longer) {
        column.add(fill);
      }
      columns.add(column);
      at += size;
    }
    return new Generator(columns.iterator());
  }
}
