package llmengine.data.template.jinja;

import java.util.List;
import java.util.Map;

/** An expression of a template. */
sealed interface Expr {
  int line();

  /** Operators with two operands. */
  enum Operator {
    ADD("+"),
    SUB("-"),
    MUL("*"),
    DIV("/"),
    FLOORDIV("//"),
    MOD("%"),
    POW("**"),
    EQ("=="),
    NE("!="),
    LT("<"),
    LE("<="),
    GT(">"),
    GE(">="),
    IN("in"),
    NOT_IN("not in");

    final String sign;

    Operator(String sign) {
      this.sign = sign;
    }

    /** The operator spelled so, or null. */
    static Operator of(String sign) {
      for (Operator operator : values()) {
        if (operator.sign.equals(sign)) {
          return operator;
        }
      }
      return null;
    }
  }

  record Const(int line, Object value) implements Expr {}

  record Name(int line, String name) implements Expr {}

  record ListOf(int line, List<Expr> elements) implements Expr {}

  record TupleOf(int line, List<Expr> elements) implements Expr {}

  record DictOf(int line, List<Expr> keys, List<Expr> values) implements Expr {}

  record Negative(int line, Expr operand) implements Expr {}

  record Positive(int line, Expr operand) implements Expr {}

  record Not(int line, Expr operand) implements Expr {}

  record And(int line, Expr left, Expr right) implements Expr {}

  record Or(int line, Expr left, Expr right) implements Expr {}

  record Binary(int line, Operator operator, Expr left, Expr right) implements Expr {}

  /** {@code a < b <= c}: each operator compares its neighbours. */
  record Compare(int line, Expr first, List<Operator> operators, List<Expr> others)
      implements Expr {}

  /** {@code a ~ b ~ c}. */
  record Concat(int line, List<Expr> parts) implements Expr {}

  /** {@code then if test else otherwise}; {@code otherwise} may be null. */
  record Conditional(int line, Expr test, Expr then, Expr otherwise) implements Expr {}

  record Attribute(int line, Expr object, String name) implements Expr {}

  record Item(int line, Expr object, Expr key) implements Expr {}

  /** A key {@code start:stop:step}, each may be null. */
  record Slice(int line, Expr start, Expr stop, Expr step) implements Expr {}

  record Call(int line, Expr callee, Args args) implements Expr {}

  /** {@code value | name(args)}; {@code value} is null for the text of a block. */
  record Filter(int line, Expr value, String name, Args args) implements Expr {}

  /** {@code value is name(args)}. */
  record Test(int line, Expr value, String name, Args args) implements Expr {}

  /** Arguments of a call; the last two, {@code *more} and {@code **more}, may be null. */
  record Args(List<Expr> positional, Map<String, Expr> named, Expr list, Expr dict) {
    static final Args NONE = new Args(List.of(), Map.of(), null, null);

    boolean isEmpty() {
      return positional.isEmpty() && named.isEmpty() && list == null && dict == null;
    }
  }
}
