package llmengine.data.template.jinja;

import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** Values given to a call. */
record Arguments(List<Object> positional, Map<String, Object> named) {
  /** Stands for a parameter that was not given: null is None. */
  static final Object ABSENT = Absent.PARAMETER;

  private enum Absent {
    PARAMETER
  }

  static final Arguments NONE = new Arguments(List.of(), Map.of());

  static Arguments of(Object... positional) {
    return new Arguments(Arrays.asList(positional), Map.of());
  }

  /**
   * Values by parameter; {@link #ABSENT} for those not given, of which the first {@code required}
   * must be.
   */
  Object[] bind(String function, int required, String... parameters) {
    Object[] values = new Object[parameters.length];
    Arrays.fill(values, ABSENT);
    if (positional.size() > parameters.length) {
      throw new TemplateError(
          function
              + "() takes at most "
              + parameters.length
              + " argument(s), got "
              + positional.size());
    }
    for (int i = 0; i < positional.size(); i++) {
      values[i] = positional.get(i);
    }
    for (Map.Entry<String, Object> entry : named.entrySet()) {
      int place = Arrays.asList(parameters).indexOf(entry.getKey());
      if (place < 0) {
        throw new TemplateError(
            function + "() got an unexpected keyword argument '" + entry.getKey() + "'");
      } else if (!isAbsent(values[place])) {
        throw new TemplateError(
            function + "() got multiple values for argument '" + entry.getKey() + "'");
      }
      values[place] = entry.getValue();
    }
    for (int i = 0; i < required; i++) {
      if (isAbsent(values[i])) {
        throw new TemplateError(function + "() needs the argument '" + parameters[i] + "'");
      }
    }
    return values;
  }

  /** Binds nothing: the call takes no arguments. */
  void none(String function) {
    bind(function, 0);
  }

  static Object or(Object value, Object otherwise) {
    return isAbsent(value) ? otherwise : value;
  }

  /** Whether it is {@link #ABSENT}. */
  static boolean isAbsent(Object value) {
    return value instanceof Absent;
  }

  /** Without the first positional value. */
  Arguments rest() {
    return new Arguments(positional.subList(1, positional.size()), named);
  }
}
