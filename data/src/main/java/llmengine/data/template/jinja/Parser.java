package llmengine.data.template.jinja;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import llmengine.data.template.jinja.Stmt.Target;
import llmengine.data.template.jinja.Token.Kind;

/** Parses a template into statements. */
final class Parser extends ExpressionParser {
  /** Loops around the statement. */
  private int loops;

  private Parser(List<Token> tokens) {
    super(tokens);
  }

  static List<Stmt> parse(String template) {
    return new Parser(Lexer.tokens(template)).body(Set.of(), null);
  }

  /** Statements up to a tag of one of these names, whose name is left to be read. */
  private List<Stmt> body(Set<String> ends, Token opened) {
    List<Stmt> statements = new ArrayList<>();
    while (true) {
      Token token = next();
      switch (token.kind()) {
        case DATA -> statements.add(new Stmt.Text(token.line(), token.text()));
        case VARIABLE_BEGIN -> {
          statements.add(new Stmt.Print(token.line(), tuple(true, false, null)));
          expect(Kind.VARIABLE_END, "'}}'");
        }
        case BLOCK_BEGIN -> {
          if (peek().kind() == Kind.NAME && ends.contains(peek().text())) {
            return statements;
          }
          enter();
          statements.add(statement());
          leave();
          expect(Kind.BLOCK_END, "'%}'");
        }
        default -> {
          if (opened == null) {
            return statements;
          }
          throw new TemplateError(
              opened.line(),
              "the tag '" + opened.text() + "' has no end: expected " + String.join(" or ", ends));
        }
      }
    }
  }

  /** The body of a tag up to its end tag, whose name is read too. */
  private List<Stmt> bodyOf(Token tag, String... ends) {
    skip(":");
    expect(Kind.BLOCK_END, "'%}'");
    return body(Set.of(ends), tag);
  }

  private List<Stmt> wholeBody(Token tag, String end) {
    List<Stmt> body = bodyOf(tag, end);
    next();
    return body;
  }

  /** A body that is rendered on its own: the loop around it can't be left from inside. */
  private List<Stmt> textBody(Token tag, String end) {
    int around = loops;
    loops = 0;
    List<Stmt> body = wholeBody(tag, end);
    loops = around;
    return body;
  }

  private Stmt statement() {
    Token tag = expect(Kind.NAME, "the name of a tag");
    int line = tag.line();
    return switch (tag.text()) {
      case "if" -> conditions(tag);
      case "for" -> loop(tag);
      case "set" -> assignment(tag);
      case "macro" -> {
        String name = expectName();
        yield new Stmt.Macro(line, name, signature(tag, "endmacro"));
      }
      case "call" -> call(tag);
      case "filter" -> new Stmt.FilterBlock(line, blockFilters(), textBody(tag, "endfilter"));
      case "with" -> with(tag);
      case "generation" -> new Stmt.Scoped(line, textBody(tag, "endgeneration"));
      case "break", "continue" -> {
        if (loops == 0) {
          throw new TemplateError(line, "'" + tag.text() + "' outside of a loop");
        }
        yield tag.isName("break") ? new Stmt.Break(line) : new Stmt.Continue(line);
      }
      case "print" -> {
        Expr value = tuple(true, false, null);
        yield new Stmt.Print(
            line,
            value instanceof Expr.TupleOf(int at, var parts) ? new Expr.Concat(at, parts) : value);
      }
      case "block", "extends", "include", "import", "from", "autoescape" ->
          throw new TemplateError(
              line,
              "the tag '" + tag.text() + "' isn't supported: a chat template is one file alone");
      default -> throw new TemplateError(line, "unknown tag '" + tag.text() + "'");
    };
  }

  private Stmt conditions(Token tag) {
    List<Stmt.Branch> branches = new ArrayList<>();
    Token clause;
    do {
      Expr test = tuple(false, false, null);
      branches.add(new Stmt.Branch(test, bodyOf(tag, "elif", "else", "endif")));
      clause = next();
    } while (clause.isName("elif"));
    List<Stmt> otherwise = clause.isName("else") ? wholeBody(tag, "endif") : List.of();
    return new Stmt.If(tag.line(), branches, otherwise);
  }

  private Stmt loop(Token tag) {
    Target target = target("in");
    if (!skipName("in")) {
      throw unexpected("'in'", peek());
    }
    Expr elements = tuple(false, false, "recursive");
    Expr test = skipName("if") ? expression() : null;
    boolean recursive = skipName("recursive");
    loops++;
    List<Stmt> body = bodyOf(tag, "endfor", "else");
    loops--;
    List<Stmt> otherwise = next().isName("else") ? wholeBody(tag, "endfor") : List.of();
    return new Stmt.For(tag.line(), target, elements, test, recursive, body, otherwise);
  }

  private Stmt assignment(Token tag) {
    Target target = target(null);
    if (skip("=")) {
      return new Stmt.Set(tag.line(), target, tuple(true, false, null));
    }
    Expr filter = null;
    if (skip("|")) {
      filter = blockFilters();
    }
    return new Stmt.SetBlock(tag.line(), target, filter, textBody(tag, "endset"));
  }

  private Stmt with(Token tag) {
    List<Target> targets = new ArrayList<>();
    List<Expr> values = new ArrayList<>();
    while (peek().kind() != Kind.BLOCK_END && peek().kind() != Kind.END) {
      if (!targets.isEmpty()) {
        expect(",");
      }
      targets.add(target(null));
      expect("=");
      values.add(expression());
    }
    return new Stmt.With(tag.line(), targets, values, wholeBody(tag, "endwith"));
  }

  private Stmt call(Token tag) {
    Set<String> outer = collect(new HashSet<>());
    List<String> parameters = new ArrayList<>();
    List<Expr> defaults = new ArrayList<>();
    if (peek().isOperator("(")) {
      parameters(parameters, defaults);
    }
    Expr callee = expression();
    if (!(callee instanceof Expr.Call called)) {
      throw new TemplateError(tag.line(), "the tag 'call' needs a call");
    }
    Set<String> own = collect(outer);
    own.forEach(this::read);
    return new Stmt.CallBlock(tag.line(), called, body(tag, "endcall", parameters, defaults));
  }

  private Stmt.Signature signature(Token tag, String end) {
    List<String> parameters = new ArrayList<>();
    List<Expr> defaults = new ArrayList<>();
    parameters(parameters, defaults);
    return body(tag, end, parameters, defaults);
  }

  private Stmt.Signature body(Token tag, String end, List<String> parameters, List<Expr> defaults) {
    Set<String> names = new HashSet<>();
    Set<String> outer = collect(names);
    List<Stmt> body = textBody(tag, end);
    collect(outer);
    names.forEach(this::read);
    return new Stmt.Signature(
        parameters,
        defaults,
        body,
        names.contains("varargs"),
        names.contains("kwargs"),
        names.contains("caller"));
  }

  private void parameters(List<String> parameters, List<Expr> defaults) {
    expect("(");
    while (!skip(")")) {
      if (!parameters.isEmpty()) {
        expect(",");
      }
      Token name = peek();
      parameters.add(expectName());
      if (skip("=")) {
        defaults.add(expression());
      } else if (!defaults.isEmpty()) {
        throw new TemplateError(name.line(), "a parameter without a default follows one with it");
      }
    }
  }

  /** Names, or a tuple of them, up to {@code end} if it isn't null. */
  private Target target(String end) {
    List<Target> targets = new ArrayList<>();
    boolean several = false;
    while (true) {
      if (!targets.isEmpty()) {
        expect(",");
      }
      if (isTupleEnd(end)) {
        break;
      }
      targets.add(oneTarget());
      if (!peek().isOperator(",")) {
        break;
      }
      several = true;
    }
    if (targets.isEmpty()) {
      throw unexpected("a name to assign to", peek());
    }
    return several ? new Target.Several(targets) : targets.getFirst();
  }

  private Target oneTarget() {
    if (skip("(")) {
      enter();
      Target inner = target(null);
      leave();
      expect(")");
      return inner;
    }
    Token name = expect(Kind.NAME, "a name to assign to");
    if (skip(".")) {
      return new Target.Member(name.text(), expectName());
    } else if (Set.of("true", "True", "false", "False", "none", "None").contains(name.text())) {
      throw new TemplateError(name.line(), "can't assign to '" + name.text() + "'");
    }
    return new Target.Name(name.text());
  }
}
