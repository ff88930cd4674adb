package llmengine.data.template.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import llmengine.data.template.jinja.Expr.Args;
import llmengine.data.template.jinja.Token.Kind;

/** Parses what operators stand between: names, constants, lists, and what is read of them. */
abstract class OperandParser extends TokenReader {
  OperandParser(List<Token> tokens) {
    super(tokens);
  }

  /**
   * A whole expression.
   *
   * @param conditional whether it may be {@code a if b else c}
   */
  abstract Expr expression(boolean conditional);

  Expr primary() {
    Token token = next();
    int line = token.line();
    return switch (token.kind()) {
      case NAME ->
          switch (token.text()) {
            case "true", "True" -> new Expr.Const(line, true);
            case "false", "False" -> new Expr.Const(line, false);
            case "none", "None" -> new Expr.Const(line, null);
            default -> {
              read(token.text());
              yield new Expr.Name(line, token.text());
            }
          };
      case STRING -> {
        StringBuilder text = new StringBuilder(token.text());
        while (peek().kind() == Kind.STRING) {
          text.append(next().text());
        }
        yield new Expr.Const(line, text.toString());
      }
      case NUMBER -> new Expr.Const(line, token.value());
      default -> {
        if (token.isOperator("(")) {
          Expr inner = tuple(true, true, null);
          expect(")");
          yield inner;
        } else if (token.isOperator("[")) {
          yield new Expr.ListOf(line, elements("]"));
        } else if (token.isOperator("{")) {
          yield dict(line);
        }
        throw unexpected("an expression", token);
      }
    };
  }

  private List<Expr> elements(String end) {
    List<Expr> elements = new ArrayList<>();
    while (!skip(end)) {
      if (!elements.isEmpty()) {
        expect(",");
        if (skip(end)) {
          break;
        }
      }
      elements.add(expression(true));
    }
    return elements;
  }

  private Expr dict(int line) {
    List<Expr> keys = new ArrayList<>();
    List<Expr> values = new ArrayList<>();
    while (!skip("}")) {
      if (!keys.isEmpty()) {
        expect(",");
        if (skip("}")) {
          break;
        }
      }
      keys.add(expression(true));
      expect(":");
      values.add(expression(true));
    }
    return new Expr.DictOf(line, keys, values);
  }

  /**
   * One expression, or several with commas as a tuple.
   *
   * @param parenthesised an empty tuple is one then
   * @param end name that ends it beside tags and parentheses, or null
   */
  Expr tuple(boolean conditional, boolean parenthesised, String end) {
    int line = peek().line();
    List<Expr> elements = new ArrayList<>();
    boolean several = false;
    while (true) {
      if (!elements.isEmpty()) {
        expect(",");
      }
      if (isTupleEnd(end)) {
        break;
      }
      elements.add(expression(conditional));
      if (!peek().isOperator(",")) {
        break;
      }
      several = true;
    }
    if (!several && elements.size() == 1) {
      return elements.getFirst();
    } else if (!several && !parenthesised) {
      throw unexpected("an expression", peek());
    }
    return new Expr.TupleOf(line, elements);
  }

  boolean isTupleEnd(String end) {
    Token token = peek();
    return token.kind() == Kind.VARIABLE_END
        || token.kind() == Kind.BLOCK_END
        || token.isOperator(")")
        || end != null && token.isName(end);
  }

  Expr postfix(Expr start) {
    Expr value = start;
    while (true) {
      int line = peek().line();
      if (skip(".")) {
        Token key = next();
        value =
            switch (key.kind()) {
              case NAME -> new Expr.Attribute(line, value, key.text());
              case NUMBER -> new Expr.Item(line, value, new Expr.Const(line, key.value()));
              default -> throw unexpected("a name or number", key);
            };
      } else if (skip("[")) {
        value = new Expr.Item(line, value, subscript(line));
      } else if (peek().isOperator("(")) {
        value = new Expr.Call(line, value, args());
      } else {
        return value;
      }
    }
  }

  private Expr subscript(int line) {
    List<Expr> keys = new ArrayList<>();
    do {
      keys.add(slice());
    } while (skip(","));
    expect("]");
    return keys.size() == 1 ? keys.getFirst() : new Expr.TupleOf(line, keys);
  }

  private Expr slice() {
    int line = peek().line();
    Expr start = peek().isOperator(":") ? null : expression(true);
    if (!skip(":")) {
      return start;
    }
    Expr stop = endsSlice() || peek().isOperator(":") ? null : expression(true);
    Expr step = skip(":") && !endsSlice() ? expression(true) : null;
    return new Expr.Slice(line, start, stop, step);
  }

  private boolean endsSlice() {
    return peek().isOperator("]") || peek().isOperator(",");
  }

  Args args() {
    Token open = next();
    List<Expr> positional = new ArrayList<>();
    Map<String, Expr> named = new LinkedHashMap<>();
    Expr list = null;
    Expr dict = null;
    boolean first = true;
    while (!skip(")")) {
      if (!first) {
        expect(",");
        if (skip(")")) {
          break;
        }
      }
      first = false;
      boolean valid = dict == null;
      if (skip("*")) {
        valid &= list == null;
        list = expression(true);
      } else if (skip("**")) {
        dict = expression(true);
      } else if (peek().kind() == Kind.NAME && peekSecond().isOperator("=")) {
        String name = next().text();
        expect("=");
        valid &= named.put(name, expression(true)) == null;
      } else {
        valid &= list == null && named.isEmpty();
        positional.add(expression(true));
      }
      if (!valid) {
        throw new TemplateError(open.line(), "the arguments of a call are out of order or twice");
      }
    }
    return new Args(positional, named, list, dict);
  }
}
