package llmengine.data.template.jinja;

import java.util.ArrayList;
import java.util.List;
import llmengine.data.template.jinja.Expr.Operator;

/** Operators with two operands, as Python defines them for each pair of types. */
record Operators(Budget budget, Order order) {

  Object apply(Operator operator, Object a, Object b) {
    return switch (operator) {
      case EQ -> order.equal(a, b);
      case NE -> !order.equal(a, b);
      case LT -> !isNaN(a, b) && order.compare(operator, a, b) < 0;
      case LE -> !isNaN(a, b) && order.compare(operator, a, b) <= 0;
      case GT -> !isNaN(a, b) && order.compare(operator, a, b) > 0;
      case GE -> !isNaN(a, b) && order.compare(operator, a, b) >= 0;
      case IN -> isIn(a, b);
      case NOT_IN -> !isIn(a, b);
      default -> arithmetic(operator, a, b);
    };
  }

  private static boolean isNaN(Object a, Object b) {
    return a instanceof Double x && x.isNaN() || b instanceof Double y && y.isNaN();
  }

  private Object arithmetic(Operator operator, Object left, Object right) {
    if (operator == Operator.ADD
        && (left instanceof Markup && right instanceof String
            || right instanceof Markup && (left instanceof String || left instanceof Markup))) {
      String a = Markup.escaped(left).text();
      String b = Markup.escaped(right).text();
      budget.length((long) a.length() + b.length());
      return new Markup(a + b);
    }
    Object a = Markup.plain(left);
    Object b = Markup.plain(right);
    if (operator == Operator.MOD && a instanceof String format) {
      return budget.text(Percent.format(format, b, budget));
    } else if (a instanceof Undefined undefined) {
      throw undefined.error();
    } else if (b instanceof Undefined undefined) {
      throw undefined.error();
    } else if (a != null && b != null && Numbers.isNumber(a) && Numbers.isNumber(b)) {
      return Numbers.apply(operator, a, b);
    } else if (operator == Operator.ADD) {
      Object sum = sum(a, b);
      if (sum != null) {
        return sum;
      }
    } else if (operator == Operator.MUL) {
      Object product = isCount(b) ? repeated(a, b) : isCount(a) ? repeated(b, a) : null;
      if (product != null) {
        return product;
      }
    }
    if (operator == Operator.ADD && a instanceof String) {
      throw new TemplateError(
          "can only concatenate str (not \"" + Values.typeName(b) + "\") to str");
    }
    throw new TemplateError(
        "unsupported operand type(s) for "
            + operator.sign
            + ": '"
            + Values.typeName(a)
            + "' and '"
            + Values.typeName(b)
            + "'");
  }

  private Object sum(Object a, Object b) {
    if (a instanceof String x && b instanceof String y) {
      budget.length((long) x.length() + y.length());
      return x + y;
    } else if (a instanceof List<?> x && b instanceof List<?> y && !isRange(x) && !isRange(y)) {
      return joined(x, y);
    } else if (a instanceof Tuple x && b instanceof Tuple y) {
      return new Tuple(joined(x.elements(), y.elements()));
    }
    return null;
  }

  private static boolean isRange(List<?> list) {
    return list instanceof Range;
  }

  private List<Object> joined(List<?> a, List<?> b) {
    budget.elements((long) a.size() + b.size());
    List<Object> all = new ArrayList<>(a);
    all.addAll(b);
    return all;
  }

  private static boolean isCount(Object value) {
    return value != null && Numbers.isWhole(value);
  }

  private Object repeated(Object value, Object times) {
    int count = Math.max(0, Numbers.index(times));
    return switch (value) {
      case String text -> {
        budget.length((long) text.length() * count);
        yield text.repeat(text.isEmpty() ? 0 : count);
      }
      case Range range -> null;
      case List<?> list -> repeated(list, count);
      case Tuple tuple -> new Tuple(repeated(tuple.elements(), count));
      case null -> null;
      default -> null;
    };
  }

  private List<Object> repeated(List<?> list, int count) {
    budget.elements((long) list.size() * count);
    List<Object> all = new ArrayList<>();
    for (int i = 0; !list.isEmpty() && i < count; i++) {
      all.addAll(list);
    }
    return all;
  }

  private boolean isIn(Object element, Object container) {
    Object value = Markup.plain(element);
    return switch (Markup.plain(container)) {
      case String text -> {
        if (value instanceof String part) {
          search(text, part);
          yield text.contains(part);
        } else if (value instanceof Undefined undefined) {
          throw undefined.error();
        }
        throw new TemplateError(
            "'in <string>' requires string as left operand, not " + Values.typeName(value));
      }
      case Dict dict -> dict.has(value);
      case DictView view when view.kind().equals("keys") -> order.contains(view.elements(), value);
      case null -> throw notIterable(container);
      default -> {
        if (!Values.isIterable(container)) {
          throw notIterable(container);
        }
        yield order.contains(Values.elements(container), value);
      }
    };
  }

  /** Pays for a search. */
  private void search(String text, String part) {
    budget.spend((long) text.length() / 8 * Math.max(1, part.length() / 8));
  }

  private static TemplateError notIterable(Object value) {
    return new TemplateError("argument of type '" + Values.typeName(value) + "' is not iterable");
  }
}
