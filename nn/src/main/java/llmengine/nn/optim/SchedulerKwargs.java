package llmengine.nn.optim;

import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import llmengine.engine.FormatException;

/** The values of {@code lr_scheduler_kwargs}; each is taken once, and what is left is an error. */
final class SchedulerKwargs {
  private final String schedule;
  private final Map<String, Object> left;
  private final Set<String> known = new TreeSet<>();

  SchedulerKwargs(String schedule, Map<String, Object> given) {
    this.schedule = schedule;
    this.left = new TreeMap<>(given);
  }

  boolean has(String key) {
    return left.get(key) != null;
  }

  double number(String key, double otherwise) {
    known.add(key);
    Object value = left.remove(key);
    if (value == null) {
      return otherwise;
    }
    if (value instanceof Number n && Double.isFinite(n.doubleValue())) {
      return n.doubleValue();
    }
    throw bad(key, "a number", value);
  }

  int count(String key, int otherwise) {
    double value = number(key, otherwise);
    if (value < 0 || value != Math.rint(value) || value > Integer.MAX_VALUE) {
      throw bad(key, "a whole number from 0 on", value);
    }
    return (int) value;
  }

  String choice(String key, String otherwise, Set<String> choices) {
    known.add(key);
    Object value = left.remove(key);
    if (value == null) {
      return otherwise;
    }
    if (value instanceof String s && choices.contains(s)) {
      return s;
    }
    throw bad(key, "one of " + new TreeSet<>(choices), value);
  }

  FormatException bad(String key, String expected, Object got) {
    return new FormatException(
        "lr_scheduler_kwargs: "
            + key
            + " of "
            + schedule
            + ": expected "
            + expected
            + ", got "
            + got
            + ".");
  }

  /** Complains about what no schedule took. */
  void finish() {
    if (!left.isEmpty()) {
      throw new FormatException(
          "lr_scheduler_kwargs: unknown key for "
              + schedule
              + ": expected "
              + (known.isEmpty() ? "none" : "some of " + known)
              + ", got "
              + left.keySet()
              + ". Remove it.");
    }
  }
}
