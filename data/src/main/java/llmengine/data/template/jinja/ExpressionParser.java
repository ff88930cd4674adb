package llmengine.data.template.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import llmengine.data.template.jinja.Expr.Args;
import llmengine.data.template.jinja.Expr.Operator;
import llmengine.data.template.jinja.Token.Kind;

/**
 * Parses expressions by recursive descent, one method for each level of precedence; operands are
 * parsed by {@link OperandParser}.
 */
class ExpressionParser extends OperandParser {
  private static final Set<String> COMPARISONS = Set.of("==", "!=", "<", "<=", ">", ">=");
  private static final Set<String> NOT_AN_ARGUMENT = Set.of("else", "or", "and");

  ExpressionParser(List<Token> tokens) {
    super(tokens);
  }

  Expr expression() {
    return expression(true);
  }

  @Override
  Expr expression(boolean conditional) {
    enter();
    Expr value = conditional ? conditional() : or();
    leave();
    return value;
  }

  private Expr conditional() {
    int line = peek().line();
    Expr value = or();
    while (skipName("if")) {
      Expr test = or();
      Expr otherwise = skipName("else") ? expression(true) : null;
      value = new Expr.Conditional(line, test, value, otherwise);
      line = peek().line();
    }
    return value;
  }

  private Expr or() {
    Expr left = and();
    while (peek().isName("or")) {
      left = new Expr.Or(next().line(), left, and());
    }
    return left;
  }

  private Expr and() {
    Expr left = not();
    while (peek().isName("and")) {
      left = new Expr.And(next().line(), left, not());
    }
    return left;
  }

  private Expr not() {
    if (peek().isName("not")) {
      int line = next().line();
      enter();
      Expr operand = not();
      leave();
      return new Expr.Not(line, operand);
    }
    return compare();
  }

  private Expr compare() {
    int line = peek().line();
    Expr first = sum();
    List<Operator> operators = new ArrayList<>();
    List<Expr> others = new ArrayList<>();
    while (true) {
      if (peek().kind() == Kind.OPERATOR && COMPARISONS.contains(peek().text())) {
        operators.add(Operator.of(next().text()));
      } else if (skipName("in")) {
        operators.add(Operator.IN);
      } else if (peek().isName("not") && peekSecond().isName("in")) {
        next();
        next();
        operators.add(Operator.NOT_IN);
      } else {
        break;
      }
      others.add(sum());
    }
    return operators.isEmpty() ? first : new Expr.Compare(line, first, operators, others);
  }

  private Expr sum() {
    Expr left = concat();
    while (peek().isOperator("+") || peek().isOperator("-")) {
      Token sign = next();
      left = new Expr.Binary(sign.line(), Operator.of(sign.text()), left, concat());
    }
    return left;
  }

  private Expr concat() {
    int line = peek().line();
    List<Expr> parts = new ArrayList<>();
    parts.add(product());
    while (skip("~")) {
      parts.add(product());
    }
    return parts.size() == 1 ? parts.getFirst() : new Expr.Concat(line, parts);
  }

  private Expr product() {
    Expr left = power();
    while (peek().isOperator("*")
        || peek().isOperator("/")
        || peek().isOperator("//")
        || peek().isOperator("%")) {
      Token sign = next();
      left = new Expr.Binary(sign.line(), Operator.of(sign.text()), left, power());
    }
    return left;
  }

  private Expr power() {
    Expr left = unary(true);
    while (peek().isOperator("**")) {
      left = new Expr.Binary(next().line(), Operator.POW, left, unary(true));
    }
    return left;
  }

  private Expr unary(boolean filters) {
    enter();
    int line = peek().line();
    Expr value;
    if (skip("-")) {
      value = new Expr.Negative(line, unary(false));
    } else if (skip("+")) {
      value = new Expr.Positive(line, unary(false));
    } else {
      value = primary();
    }
    value = postfix(value);
    leave();
    return filters ? filtersAndTests(value) : value;
  }

  private Expr filtersAndTests(Expr start) {
    Expr value = start;
    while (true) {
      if (peek().isOperator("|")) {
        value = filter(value);
      } else if (peek().isName("is")) {
        value = test(value);
      } else if (peek().isOperator("(")) {
        value = new Expr.Call(peek().line(), value, args());
      } else {
        return value;
      }
    }
  }

  private Expr filter(Expr value) {
    int line = next().line();
    return namedFilter(line, value);
  }

  /** The chain of filters of a block, whose first has no bar in front. */
  Expr blockFilters() {
    Expr value = namedFilter(peek().line(), null);
    while (peek().isOperator("|")) {
      value = filter(value);
    }
    return value;
  }

  private Expr namedFilter(int line, Expr value) {
    String name = dotted();
    return new Expr.Filter(line, value, name, peek().isOperator("(") ? args() : Args.NONE);
  }

  private String dotted() {
    StringBuilder name = new StringBuilder(expectName());
    while (skip(".")) {
      name.append('.').append(expectName());
    }
    return name.toString();
  }

  private Expr test(Expr value) {
    int line = next().line();
    boolean negated = skipName("not");
    String name = dotted();
    Args args = Args.NONE;
    Token token = peek();
    if (token.isOperator("(")) {
      args = args();
    } else if (token.kind() == Kind.STRING
        || token.kind() == Kind.NUMBER
        || token.isOperator("[")
        || token.isOperator("{")
        || token.kind() == Kind.NAME && !NOT_AN_ARGUMENT.contains(token.text())) {
      if (token.isName("is")) {
        throw new TemplateError(token.line(), "tests can't be chained with is");
      }
      enter();
      args = new Args(List.of(postfix(primary())), Map.of(), null, null);
      leave();
    }
    Expr test = new Expr.Test(line, value, name, args);
    return negated ? new Expr.Not(line, test) : test;
  }
}
