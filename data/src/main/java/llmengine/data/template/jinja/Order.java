package llmengine.data.template.jinja;

import java.util.Iterator;
import java.util.List;
import llmengine.data.template.jinja.Expr.Operator;

/** Python's equality and order of values; what a comparison looks at is paid for. */
record Order(Budget budget) {

  boolean equal(Object a, Object b) {
    return equal(a, b, 0);
  }

  private boolean equal(Object left, Object right, int depth) {
    Object a = Markup.plain(left);
    Object b = Markup.plain(right);
    budget.spend(1);
    if (depth > Values.DEPTH) {
      throw new TemplateError("values are nested too deep to compare");
    }
    if (a == null || b == null) {
      return a == null && b == null;
    } else if (Numbers.isNumber(a) && Numbers.isNumber(b)) {
      return Numbers.equal(a, b);
    }
    return switch (a) {
      case String text -> b instanceof String other && sameText(text, other);
      case List<?> list -> b instanceof List<?> other && sameElements(list, other, depth);
      case Tuple tuple ->
          b instanceof Tuple other && sameElements(tuple.elements(), other.elements(), depth);
      case Dict dict -> b instanceof Dict other && sameEntries(dict, other, depth);
      case Undefined undefined -> b instanceof Undefined;
      case DictView view ->
          b instanceof DictView other
              && !view.kind().equals("values")
              && view.elements().size() == other.elements().size()
              && view.elements().stream().allMatch(e -> contains(other.elements(), e));
      default -> false;
    };
  }

  private boolean sameText(String a, String b) {
    if (a.length() != b.length()) {
      return false;
    }
    budget.spend(a.length() / 64);
    return a.equals(b);
  }

  private boolean sameElements(List<?> a, List<?> b, int depth) {
    if (a.size() != b.size() || a instanceof Range != b instanceof Range) {
      return false;
    }
    Iterator<?> others = b.iterator();
    for (Object element : a) {
      if (!equal(element, others.next(), depth + 1)) {
        return false;
      }
    }
    return true;
  }

  private boolean sameEntries(Dict a, Dict b, int depth) {
    if (a.size() != b.size()) {
      return false;
    }
    for (Object key : a.keys()) {
      if (!b.has(key) || !equal(a.get(key), b.get(key), depth + 1)) {
        return false;
      }
    }
    return true;
  }

  boolean contains(List<?> elements, Object value) {
    for (Object element : elements) {
      if (equal(element, value)) {
        return true;
      }
    }
    return false;
  }

  /** Negative, 0 or positive; an error if the two have no order. */
  int compare(Object a, Object b) {
    return compare(Operator.LT, a, b);
  }

  int compare(Operator operator, Object left, Object right) {
    Object a = Markup.plain(left);
    Object b = Markup.plain(right);
    budget.spend(1);
    if (a instanceof Undefined undefined) {
      throw undefined.error();
    } else if (b instanceof Undefined undefined) {
      throw undefined.error();
    } else if (a != null && b != null && Numbers.isNumber(a) && Numbers.isNumber(b)) {
      return Numbers.compare(a, b);
    } else if (a instanceof String x && b instanceof String y) {
      return byCodePoint(x, y);
    } else if (a instanceof List<?> x && b instanceof List<?> y) {
      return compare(operator, x, y);
    } else if (a instanceof Tuple x && b instanceof Tuple y) {
      return compare(operator, x.elements(), y.elements());
    }
    throw new TemplateError(
        "'"
            + operator.sign
            + "' not supported between instances of '"
            + Values.typeName(a)
            + "' and '"
            + Values.typeName(b)
            + "'");
  }

  private int compare(Operator operator, List<?> a, List<?> b) {
    budget.enter();
    try {
      return compareElements(operator, a, b);
    } finally {
      budget.leave();
    }
  }

  private int compareElements(Operator operator, List<?> a, List<?> b) {
    for (int i = 0; i < Math.min(a.size(), b.size()); i++) {
      if (!equal(a.get(i), b.get(i))) {
        return compare(operator, a.get(i), b.get(i));
      }
    }
    return Integer.compare(a.size(), b.size());
  }

  /** Chars in UTF-16 sort otherwise where one is a surrogate. */
  private int byCodePoint(String a, String b) {
    budget.spend(Math.min(a.length(), b.length()) / 64);
    int at = 0;
    int shorter = Math.min(a.length(), b.length());
    while (at < shorter && a.charAt(at) == b.charAt(at)) {
      at++;
    }
    if (at == shorter) {
      return Integer.compare(a.length(), b.length());
    }
    char x = a.charAt(at);
    char y = b.charAt(at);
    return Character.isSurrogate(x) != Character.isSurrogate(y)
        ? (Character.isSurrogate(x) ? 1 : -1)
        : Character.compare(x, y);
  }
}
