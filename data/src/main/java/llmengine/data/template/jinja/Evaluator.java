package llmengine.data.template.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Computes expressions with the variables of a scope. */
record Evaluator(Interpreter interpreter, Scope scope) {

  Object value(Expr expression) {
    Budget budget = interpreter.budget();
    budget.enter();
    interpreter.at(expression.line());
    Object value = compute(expression);
    budget.leave();
    return value;
  }

  private Object compute(Expr expression) {
    return switch (expression) {
      case Expr.Const constant -> constant.value();
      case Expr.Name name -> scope.get(name.name());
      case Expr.ListOf list -> values(list.elements());
      case Expr.TupleOf tuple -> new Tuple(values(tuple.elements()));
      case Expr.DictOf dict -> {
        Dict made = new Dict();
        for (int i = 0; i < dict.keys().size(); i++) {
          made.put(value(dict.keys().get(i)), value(dict.values().get(i)));
        }
        yield made;
      }
      case Expr.Negative minus -> Numbers.negative(number(value(minus.operand()), "-"));
      case Expr.Positive plus -> {
        Object operand = number(value(plus.operand()), "+");
        yield operand instanceof Boolean ? Numbers.normal(Numbers.whole(operand)) : operand;
      }
      case Expr.Not not -> !Values.truth(value(not.operand()));
      case Expr.And and -> {
        Object left = value(and.left());
        yield Values.truth(left) ? value(and.right()) : left;
      }
      case Expr.Or or -> {
        Object left = value(or.left());
        yield Values.truth(left) ? left : value(or.right());
      }
      case Expr.Binary binary ->
          operators().apply(binary.operator(), value(binary.left()), value(binary.right()));
      case Expr.Compare compare -> compared(compare);
      case Expr.Concat concat -> {
        StringBuilder text = new StringBuilder();
        for (Expr part : concat.parts()) {
          text.append(interpreter.budget().text(Values.text(value(part))));
        }
        yield interpreter.budget().text(text.toString());
      }
      case Expr.Conditional choice -> {
        if (Values.truth(value(choice.test()))) {
          yield value(choice.then());
        }
        yield choice.otherwise() == null
            ? new Undefined(
                "the inline if-expression evaluated to false and no else section was defined.")
            : value(choice.otherwise());
      }
      case Expr.Attribute member -> members().attribute(value(member.object()), member.name());
      case Expr.Item item ->
          item.key() instanceof Expr.Slice slice
              ? sliced(value(item.object()), slice)
              : members().item(value(item.object()), value(item.key()));
      case Expr.Slice slice -> throw new TemplateError("a slice can't stand among other keys");
      case Expr.Call call -> call(call, null);
      case Expr.Filter filter ->
          filter(filter, filter.value() == null ? Arguments.ABSENT : value(filter.value()));
      case Expr.Test test -> {
        Object tested = value(test.value());
        yield new Tests(interpreter).test(test.name(), tested, arguments(test.args()));
      }
    };
  }

  /** The text of a block through its chain of filters. */
  Object filtered(Expr chain, String text) {
    Expr.Filter filter = (Expr.Filter) chain;
    return filter(filter, filter.value() == null ? text : filtered(filter.value(), text));
  }

  private Object filter(Expr.Filter filter, Object value) {
    Arguments arguments = arguments(filter.args());
    interpreter.at(filter.line());
    return new Filters(interpreter).apply(filter.name(), value, arguments);
  }

  /**
   * @param caller the body of a call block, or null
   */
  Object call(Expr.Call call, Macro caller) {
    Object callee = value(call.callee());
    Arguments arguments = arguments(call.args());
    if (caller != null) {
      Map<String, Object> named = new LinkedHashMap<>(arguments.named());
      named.put("caller", caller);
      arguments = new Arguments(arguments.positional(), named);
    }
    interpreter.at(call.line());
    return switch (callee) {
      case Function function -> function.call(arguments);
      case Loop loop -> loop.call(arguments);
      case Undefined undefined -> throw undefined.error();
      case null -> throw new TemplateError("'NoneType' object is not callable");
      default ->
          throw new TemplateError("'" + Values.typeName(callee) + "' object is not callable");
    };
  }

  private Arguments arguments(Expr.Args args) {
    if (args.isEmpty()) {
      return Arguments.NONE;
    }
    List<Object> positional = values(args.positional());
    Map<String, Object> named = new LinkedHashMap<>();
    args.named().forEach((name, expression) -> named.put(name, value(expression)));
    if (args.list() != null) {
      positional.addAll(Values.elements(value(args.list())));
    }
    if (args.dict() != null) {
      if (!(value(args.dict()) instanceof Dict more)) {
        throw new TemplateError("argument after ** must be a mapping");
      }
      more.keys().forEach(key -> named.put(Values.text(key), more.get(key)));
    }
    return new Arguments(positional, named);
  }

  private List<Object> values(List<Expr> expressions) {
    List<Object> values = new ArrayList<>(expressions.size());
    for (Expr expression : expressions) {
      values.add(value(expression));
    }
    return values;
  }

  private Object compared(Expr.Compare compare) {
    Object left = value(compare.first());
    for (int i = 0; i < compare.operators().size(); i++) {
      Object right = value(compare.others().get(i));
      if (!(boolean) operators().apply(compare.operators().get(i), left, right)) {
        return false;
      }
      left = right;
    }
    return true;
  }

  private Object sliced(Object object, Expr.Slice slice) {
    Object start = slice.start() == null ? null : value(slice.start());
    Object stop = slice.stop() == null ? null : value(slice.stop());
    Object step = slice.step() == null ? null : value(slice.step());
    return members().slice(object, start, stop, step);
  }

  private static Object number(Object value, String sign) {
    if (value instanceof Undefined undefined) {
      throw undefined.error();
    } else if (value == null || !Numbers.isNumber(value)) {
      throw new TemplateError(
          "bad operand type for unary " + sign + ": '" + Values.typeName(value) + "'");
    }
    return value;
  }

  private Operators operators() {
    return new Operators(interpreter.budget(), interpreter.order());
  }

  private Members members() {
    return new Members(interpreter);
  }
}
