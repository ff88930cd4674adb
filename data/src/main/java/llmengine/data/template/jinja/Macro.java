package llmengine.data.template.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A macro, or the body of a call block.
 *
 * @param scope where it was defined
 */
record Macro(String name, Stmt.Signature signature, Scope scope, Interpreter interpreter)
    implements Function {

  @Override
  public Object call(Arguments arguments) {
    List<String> parameters = signature.parameters();
    Map<String, Object> named = new LinkedHashMap<>(arguments.named());
    List<Object> given = arguments.positional();
    Scope inner = new Scope(scope);
    boolean callerIsParameter = parameters.contains("caller");
    if (signature.takesCaller() && !callerIsParameter) {
      Object caller = named.remove("caller");
      inner.set("caller", caller == null ? new Undefined("No caller defined") : caller);
    }
    List<Integer> missing = new ArrayList<>();
    for (int i = 0; i < parameters.size(); i++) {
      String parameter = parameters.get(i);
      if (i < given.size()) {
        inner.set(parameter, given.get(i));
      } else if (named.containsKey(parameter)) {
        inner.set(parameter, named.remove(parameter));
      } else {
        missing.add(i);
      }
    }
    if (signature.takesMore()) {
      int from = Math.min(given.size(), parameters.size());
      inner.set("varargs", new Tuple(given.subList(from, given.size())));
    } else if (given.size() > parameters.size()) {
      throw new TemplateError(
          "macro '" + name + "' takes not more than " + parameters.size() + " argument(s)");
    }
    if (signature.takesNamed()) {
      Dict more = new Dict();
      named.forEach(more::put);
      inner.set("kwargs", more);
    } else if (!named.isEmpty()) {
      throw new TemplateError(
          "macro '"
              + name
              + "' takes no keyword argument '"
              + named.keySet().iterator().next()
              + "'");
    }
    int firstDefault = parameters.size() - signature.defaults().size();
    for (int i : missing) {
      String parameter = parameters.get(i);
      inner.set(
          parameter,
          i >= firstDefault
              ? interpreter.evaluator(inner).value(signature.defaults().get(i - firstDefault))
              : new Undefined("parameter '" + parameter + "' was not provided"));
    }
    return interpreter.text(signature.body(), inner);
  }
}
