package llmengine.serve.grammar;

import java.util.ArrayList;
import java.util.List;

/** The right side of a rule. */
sealed interface Expression {
  Expression EMPTY = new Sequence(List.of());

  /** Exactly this text. */
  record Text(String text) implements Expression {}

  /** One character of the set. */
  record Chars(CodePoints set) implements Expression {}

  /** One after the other; none is the empty text. */
  record Sequence(List<Expression> parts) implements Expression {}

  /** Any of them; none matches nothing at all. */
  record Choice(List<Expression> options) implements Expression {}

  /** At least {@code min} and at most {@code max} times, without a limit if that is -1. */
  record Repeat(Expression body, int min, int max) implements Expression {}

  /** What the rule of this name matches. */
  record Rule(String name) implements Expression {}

  /** The special token of the vocabulary that is spelled so; not the text of that spelling. */
  record Special(String token) implements Expression {}

  static Expression text(String text) {
    return text.isEmpty() ? EMPTY : new Text(text);
  }

  static Expression chars(int... bounds) {
    return new Chars(CodePoints.of(bounds));
  }

  static Expression sequence(Expression... parts) {
    return sequence(List.of(parts));
  }

  static Expression sequence(List<Expression> parts) {
    return parts.size() == 1 ? parts.getFirst() : new Sequence(List.copyOf(parts));
  }

  static Expression choice(Expression... options) {
    return choice(List.of(options));
  }

  static Expression choice(List<Expression> options) {
    return options.size() == 1 ? options.getFirst() : new Choice(List.copyOf(options));
  }

  static Expression optional(Expression body) {
    return new Repeat(body, 0, 1);
  }

  static Expression any(Expression body) {
    return new Repeat(body, 0, -1);
  }

  static Expression repeat(Expression body, int min, int max) {
    return new Repeat(body, min, max);
  }

  static Expression rule(String name) {
    return new Rule(name);
  }

  /** A word of a chat format: a special token where the vocabulary has it as one, else its text. */
  static Expression word(String word) {
    return choice(new Special(word), text(word));
  }

  /** {@code body} once or more, {@code separator} between. */
  static Expression separated(Expression body, Expression separator) {
    return sequence(body, any(sequence(separator, body)));
  }

  /** What this one is made of. */
  default List<Expression> children() {
    return switch (this) {
      case Sequence s -> s.parts;
      case Choice c -> c.options;
      case Repeat r -> List.of(r.body);
      case Text t -> List.of();
      case Chars c -> List.of();
      case Rule r -> List.of();
      case Special s -> List.of();
    };
  }

  /** Names of the rules referred to. */
  default List<String> references() {
    List<String> names = new ArrayList<>();
    List<Expression> open = new ArrayList<>(List.of(this));
    while (!open.isEmpty()) {
      Expression e = open.removeLast();
      if (e instanceof Rule rule) {
        names.add(rule.name);
      }
      open.addAll(e.children());
    }
    return names;
  }
}
