package llmengine.data.template.jinja;

import java.time.Clock;
import java.time.ZonedDateTime;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The functions every template can call. */
record Globals(Clock clock) {

  Map<String, Object> byName(Budget budget, Order order) {
    Map<String, Object> all = new LinkedHashMap<>();
    add(all, Function.of("range", Globals::range));
    add(all, Function.of("dict", arguments -> dict(arguments, budget)));
    add(
        all,
        Function.of(
            "namespace",
            arguments -> {
              Namespace namespace = new Namespace();
              Dict values = dict(arguments, budget);
              values
                  .keys()
                  .forEach(key -> namespace.attributes.put(Values.text(key), values.get(key)));
              return namespace;
            }));
    add(all, Function.of("joiner", Globals::joiner));
    add(
        all,
        Function.of(
            "raise_exception",
            arguments -> {
              throw new TemplateError(
                  Values.text(arguments.bind("raise_exception", 1, "message")[0]));
            }));
    add(
        all,
        Function.of(
            "strftime_now",
            arguments ->
                Strftime.format(
                    Values.text(arguments.bind("strftime_now", 1, "format")[0]),
                    ZonedDateTime.now(clock))));
    return all;
  }

  private static void add(Map<String, Object> all, Function function) {
    all.put(function.name(), function);
  }

  private static Object range(Arguments arguments) {
    List<Object> values = arguments.positional();
    if (values.isEmpty() || values.size() > 3 || !arguments.named().isEmpty()) {
      throw new TemplateError("range expected 1 to 3 arguments, got " + values.size());
    }
    long[] bounds = values.stream().mapToLong(Numbers::index).toArray();
    return values.size() == 1
        ? new Range(0, bounds[0], 1)
        : new Range(bounds[0], bounds[1], values.size() == 3 ? bounds[2] : 1);
  }

  private static Dict dict(Arguments arguments, Budget budget) {
    Dict made = new Dict();
    if (arguments.positional().size() > 1) {
      throw new TemplateError(
          "dict expected at most 1 argument, got " + arguments.positional().size());
    }
    for (Object given : arguments.positional()) {
      if (given instanceof Dict dict) {
        budget.elements(dict.size());
        dict.keys().forEach(key -> made.put(key, dict.get(key)));
        continue;
      }
      for (Object pair : Values.elements(given)) {
        budget.spend(1);
        List<Object> both = Values.elements(pair);
        if (both.size() != 2) {
          throw new TemplateError("dict needs pairs: expected 2 elements, got " + both.size());
        }
        made.put(both.get(0), both.get(1));
      }
    }
    arguments.named().forEach(made::put);
    return made;
  }

  /** Gives nothing when called first, the separator from then on. */
  private static Object joiner(Arguments arguments) {
    Object separator = Arguments.or(arguments.bind("joiner", 0, "sep")[0], ", ");
    boolean[] used = new boolean[1];
    return Function.of(
        "joiner",
        none -> {
          none.none("joiner");
          boolean first = !used[0];
          used[0] = true;
          return first ? "" : separator;
        });
  }
}
