package llmengine.data.template.jinja;

import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;

/** Runs the statements of a template once. */
final class Interpreter {
  /** How a body ended. */
  private enum End {
    NORMAL,
    BREAK,
    CONTINUE
  }

  /** What an iteration costs, in steps: it makes a scope. */
  private static final int ITERATION = 4;

  private final Budget budget;
  private final Order order;
  private final Globals globals;
  private int line = 1;

  Interpreter(Budget budget, Globals globals) {
    this.budget = budget;
    this.order = new Order(budget);
    this.globals = globals;
  }

  Budget budget() {
    return budget;
  }

  Order order() {
    return order;
  }

  /** Line of what is being evaluated. */
  int line() {
    return line;
  }

  void at(int line) {
    this.line = line;
  }

  Evaluator evaluator(Scope scope) {
    return new Evaluator(this, scope);
  }

  /** Renders a whole template; {@code variables} hide globals of the same name. */
  String render(List<Stmt> template, java.util.Map<String, Object> variables) {
    Scope root = new Scope(null);
    globals.byName(budget, order).forEach(root::set);
    variables.forEach(root::set);
    return text(template, new Scope(root));
  }

  /** The output of a body. */
  String text(List<Stmt> body, Scope scope) {
    budget.enter();
    StringBuilder out = new StringBuilder();
    run(body, scope, out);
    budget.leave();
    return out.toString();
  }

  private End run(List<Stmt> body, Scope scope, StringBuilder out) {
    budget.enter();
    for (Stmt statement : body) {
      budget.spend(1);
      line = statement.line();
      End end = run(statement, scope, out);
      if (end != End.NORMAL) {
        budget.leave();
        return end;
      }
    }
    budget.leave();
    return End.NORMAL;
  }

  private End run(Stmt statement, Scope scope, StringBuilder out) {
    switch (statement) {
      case Stmt.Text text -> write(text.text(), out);
      case Stmt.Print print -> write(Values.text(value(print.value(), scope)), out);
      case Stmt.If choice -> {
        for (Stmt.Branch branch : choice.branches()) {
          if (Values.truth(value(branch.test(), scope))) {
            return run(branch.body(), scope, out);
          }
        }
        return run(choice.otherwise(), scope, out);
      }
      case Stmt.For loop -> loop(loop, value(loop.elements(), scope), scope, 0, out);
      case Stmt.Set set -> assign(set.target(), value(set.value(), scope), scope);
      case Stmt.SetBlock set -> {
        String text = text(set.body(), new Scope(scope));
        Object value = set.filter() == null ? text : evaluator(scope).filtered(set.filter(), text);
        assign(set.target(), value, scope);
      }
      case Stmt.FilterBlock block -> {
        String text = text(block.body(), new Scope(scope));
        write(Values.text(evaluator(scope).filtered(block.filter(), text)), out);
      }
      case Stmt.With with -> {
        Scope inner = new Scope(scope);
        for (int i = 0; i < with.targets().size(); i++) {
          // values see the variables outside
          assign(with.targets().get(i), value(with.values().get(i), scope), inner);
        }
        return run(with.body(), inner, out);
      }
      case Stmt.Macro macro ->
          scope.set(macro.name(), new Macro(macro.name(), macro.signature(), scope, this));
      case Stmt.CallBlock block -> {
        Macro caller = new Macro("caller", block.signature(), scope, this);
        write(Values.text(evaluator(scope).call(block.call(), caller)), out);
      }
      case Stmt.Scoped scoped -> write(text(scoped.body(), new Scope(scope)), out);
      case Stmt.Break stop -> {
        return End.BREAK;
      }
      case Stmt.Continue skip -> {
        return End.CONTINUE;
      }
    }
    return End.NORMAL;
  }

  private Object value(Expr expression, Scope scope) {
    return evaluator(scope).value(expression);
  }

  private void write(String text, StringBuilder out) {
    budget.spend(text.length());
    if (out.length() + (long) text.length() > Budget.TEXT) {
      throw new TemplateError(
          "the output is too long: expected at most " + Budget.TEXT + " characters.");
    }
    out.append(text);
  }

  private void loop(
      Stmt.For statement, Object elements, Scope scope, int depth, StringBuilder out) {
    Iterator<Object> iterator = Values.iterate(elements);
    Object counted = elements;
    if (statement.test() != null) {
      iterator = new Filtered(iterator, statement, scope);
      counted = new Generator(iterator);
    }
    Loop loop =
        new Loop(
            counted,
            iterator,
            depth,
            statement.recursive() ? (inner, at) -> recurse(statement, inner, scope, at) : null);
    boolean any = false;
    while (loop.advance()) {
      any = true;
      budget.spend(ITERATION);
      Scope inner = new Scope(scope);
      assign(statement.target(), loop.current(), inner);
      inner.set("loop", loop);
      if (run(statement.body(), inner, out) == End.BREAK) {
        break;
      }
    }
    if (!any) {
      run(statement.otherwise(), new Scope(scope), out);
    }
  }

  private Object recurse(Stmt.For statement, Object elements, Scope scope, int depth) {
    budget.enter();
    StringBuilder out = new StringBuilder();
    loop(statement, elements, scope, depth, out);
    budget.leave();
    return out.toString();
  }

  private void assign(Stmt.Target target, Object value, Scope scope) {
    switch (target) {
      case Stmt.Target.Name(String name) -> scope.set(name, value);
      case Stmt.Target.Several(List<Stmt.Target> targets) -> {
        List<Object> elements = Values.elements(value);
        if (value instanceof Undefined undefined && !targets.isEmpty()) {
          throw undefined.error();
        } else if (elements.size() != targets.size()) {
          throw new TemplateError(
              (elements.size() < targets.size() ? "not enough" : "too many")
                  + " values to unpack (expected "
                  + targets.size()
                  + ", got "
                  + elements.size()
                  + ")");
        }
        for (int i = 0; i < targets.size(); i++) {
          assign(targets.get(i), elements.get(i), scope);
        }
      }
      case Stmt.Target.Member(String namespace, String name) -> {
        if (!(scope.get(namespace) instanceof Namespace known)) {
          throw new TemplateError("cannot assign attribute on non-namespace object");
        }
        known.attributes.put(name, value);
      }
    }
  }

  /** The elements for which the loop's condition holds, found when they are asked for. */
  private final class Filtered implements Iterator<Object> {
    private final Iterator<Object> all;
    private final Stmt.For statement;
    private final Scope scope;
    private Object found = Arguments.ABSENT;

    Filtered(Iterator<Object> all, Stmt.For statement, Scope scope) {
      this.all = all;
      this.statement = statement;
      this.scope = scope;
    }

    @Override
    public boolean hasNext() {
      while (Arguments.isAbsent(found) && all.hasNext()) {
        budget.spend(1);
        Object element = all.next();
        Scope inner = new Scope(scope);
        assign(statement.target(), element, inner);
        if (Values.truth(value(statement.test(), inner))) {
          found = element;
        }
      }
      return !Arguments.isAbsent(found);
    }

    @Override
    public Object next() {
      if (!hasNext()) {
        throw new NoSuchElementException();
      }
      Object element = found;
      found = Arguments.ABSENT;
      return element;
    }
  }
}
