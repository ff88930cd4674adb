package llmengine.data.template.jinja;

import java.util.List;
import llmengine.data.template.jinja.Expr.Operator;

/** The tests of jinja2: {@code value is name}. */
record Tests(Interpreter interpreter) {

  boolean test(String name, Object given, Arguments arguments) {
    Object value = Markup.plain(given);
    return switch (name) {
      case "defined" -> bare(name, arguments, !(value instanceof Undefined));
      case "undefined" -> bare(name, arguments, value instanceof Undefined);
      case "none" -> bare(name, arguments, value == null);
      case "boolean" -> bare(name, arguments, value instanceof Boolean);
      case "true" -> bare(name, arguments, Boolean.TRUE.equals(value));
      case "false" -> bare(name, arguments, Boolean.FALSE.equals(value));
      case "integer" ->
          bare(
              name,
              arguments,
              value != null && Numbers.isWhole(value) && !(value instanceof Boolean));
      case "float" -> bare(name, arguments, value instanceof Double);
      case "number" -> bare(name, arguments, value != null && Numbers.isNumber(value));
      case "string" -> bare(name, arguments, value instanceof String);
      case "mapping" -> bare(name, arguments, value instanceof Dict);
      case "sequence" ->
          bare(
              name,
              arguments,
              value instanceof String
                  || value instanceof List
                  || value instanceof Tuple
                  || value instanceof Dict
                  || value instanceof Undefined);
      case "iterable" -> bare(name, arguments, Values.isIterable(value));
      case "callable" -> bare(name, arguments, value instanceof Function || value instanceof Loop);
      case "lower" -> bare(name, arguments, isCase("islower", value));
      case "upper" -> bare(name, arguments, isCase("isupper", value));
      case "even" -> bare(name, arguments, rest(value, 2L) == 0);
      case "odd" -> bare(name, arguments, rest(value, 2L) == 1);
      case "divisibleby" -> rest(value, arguments.bind(name, 1, "num")[0]) == 0;
      case "sameas" -> {
        Object other = arguments.bind(name, 1, "other")[0];
        // None, True and False are one object each; lists and dicts that are equal are not the same
        yield value == null
            ? other == null
            : other != null
                && value.getClass() == other.getClass()
                && (Numbers.isNumber(value) || value instanceof String)
                && value.equals(other);
      }
      case "escaped" -> bare(name, arguments, given instanceof Markup);
      case "eq", "equalto", "==" -> compare(Operator.EQ, value, arguments);
      case "ne", "!=" -> compare(Operator.NE, value, arguments);
      case "lt", "lessthan", "<" -> compare(Operator.LT, value, arguments);
      case "le", "<=" -> compare(Operator.LE, value, arguments);
      case "gt", "greaterthan", ">" -> compare(Operator.GT, value, arguments);
      case "ge", ">=" -> compare(Operator.GE, value, arguments);
      case "in" -> compare(Operator.IN, value, arguments);
      default -> throw new TemplateError("No test named '" + name + "'.");
    };
  }

  private static boolean bare(String name, Arguments arguments, boolean result) {
    arguments.none(name);
    return result;
  }

  private boolean isCase(String method, Object value) {
    Function function = (Function) new TextMethods(Values.text(value), interpreter).method(method);
    return (boolean) function.call(Arguments.NONE);
  }

  private double rest(Object value, Object divisor) {
    Object rest =
        new Operators(interpreter.budget(), interpreter.order())
            .apply(Operator.MOD, value, divisor);
    return rest != null && Numbers.isNumber(rest) ? Numbers.real(rest) : Double.NaN;
  }

  private boolean compare(Operator operator, Object value, Arguments arguments) {
    Object other = arguments.bind(operator.sign, 1, "other")[0];
    return (boolean)
        new Operators(interpreter.budget(), interpreter.order()).apply(operator, value, other);
  }
}
