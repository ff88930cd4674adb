package llmengine.data.template.jinja;

import java.util.HashMap;
import java.util.Map;

/** Variables of a block, inside those of the block around it. */
final class Scope {
  private final Scope outer;
  private final Map<String, Object> variables = new HashMap<>();

  /**
   * @param outer null for the outermost
   */
  Scope(Scope outer) {
    this.outer = outer;
  }

  Object get(String name) {
    for (Scope scope = this; scope != null; scope = scope.outer) {
      Object value = scope.variables.getOrDefault(name, Arguments.ABSENT);
      if (!Arguments.isAbsent(value)) {
        return value;
      }
    }
    return Undefined.name(name);
  }

  void set(String name, Object value) {
    variables.put(name, value);
  }
}
