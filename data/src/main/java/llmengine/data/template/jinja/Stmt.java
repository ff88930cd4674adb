package llmengine.data.template.jinja;

import java.util.List;

/** A statement of a template. */
sealed interface Stmt {
  int line();

  /** What can stand left of an assignment. */
  sealed interface Target {
    record Name(String name) implements Target {}

    record Several(List<Target> targets) implements Target {}

    /** An attribute of a namespace. */
    record Member(String namespace, String name) implements Target {}
  }

  record Text(int line, String text) implements Stmt {}

  record Print(int line, Expr value) implements Stmt {}

  record Branch(Expr test, List<Stmt> body) {}

  record If(int line, List<Branch> branches, List<Stmt> otherwise) implements Stmt {}

  /** {@code test} may be null. */
  record For(
      int line,
      Target target,
      Expr elements,
      Expr test,
      boolean recursive,
      List<Stmt> body,
      List<Stmt> otherwise)
      implements Stmt {}

  record Set(int line, Target target, Expr value) implements Stmt {}

  /** {@code filter} is an {@link Expr.Filter} chain around the body's text, or null. */
  record SetBlock(int line, Target target, Expr filter, List<Stmt> body) implements Stmt {}

  record FilterBlock(int line, Expr filter, List<Stmt> body) implements Stmt {}

  record With(int line, List<Target> targets, List<Expr> values, List<Stmt> body) implements Stmt {}

  /**
   * Parameters and body of a macro. Defaults belong to the last parameters.
   *
   * @param takesMore whether the body uses {@code varargs}
   * @param takesNamed whether the body uses {@code kwargs}
   * @param takesCaller whether the body uses {@code caller}
   */
  record Signature(
      List<String> parameters,
      List<Expr> defaults,
      List<Stmt> body,
      boolean takesMore,
      boolean takesNamed,
      boolean takesCaller) {}

  record Macro(int line, String name, Signature signature) implements Stmt {}

  /** {@code {% call(parameters) callee(...) %}}: the body is given to the callee as caller. */
  record CallBlock(int line, Expr.Call call, Signature signature) implements Stmt {}

  /** A body with a scope of its own: {@code generation}, {@code autoescape false}. */
  record Scoped(int line, List<Stmt> body) implements Stmt {}

  record Break(int line) implements Stmt {}

  record Continue(int line) implements Stmt {}
}
