package llmengine.serve.grammar;

import static llmengine.serve.grammar.Expression.any;
import static llmengine.serve.grammar.Expression.chars;
import static llmengine.serve.grammar.Expression.choice;
import static llmengine.serve.grammar.Expression.optional;
import static llmengine.serve.grammar.Expression.repeat;
import static llmengine.serve.grammar.Expression.rule;
import static llmengine.serve.grammar.Expression.sequence;
import static llmengine.serve.grammar.Expression.text;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * The parts of JSON. White space is bounded, so that a model cannot go on with it for ever: between
 * tokens at most one space, or a line break and an indentation. Numbers have at most 18 digits
 * before and after the point and two in the exponent: they fit a long or a double.
 */
final class JsonText {
  private static final String PREFIX = "json-";

  static final Expression WS = rule(PREFIX + "ws");
  static final Expression STRING = rule(PREFIX + "string");
  static final Expression NUMBER = rule(PREFIX + "number");
  static final Expression INTEGER = rule(PREFIX + "integer");
  static final Expression VALUE = rule(PREFIX + "value");
  static final Expression OBJECT = rule(PREFIX + "object");
  static final Expression ARRAY = rule(PREFIX + "array");
  static final Expression BOOLEAN = choice(text("true"), text("false"));
  static final Expression NULL = text("null");
  static final Expression QUOTE = text("\"");

  /** Characters that stand for themselves within a string. */
  static final CodePoints PLAIN = CodePoints.of(' ', '!', '#', '[', ']', CodePoints.MAX);

  private static final Expression HEX = chars('0', '9', 'a', 'f', 'A', 'F');
  private static final Expression DIGIT = chars('0', '9');

  /** A backslash and what may follow. A surrogate comes only as a pair. */
  static final Expression ESCAPE =
      sequence(
          text("\\"),
          choice(
              new Expression.Chars(CodePoints.ofText("\"\\/bfnrt")),
              sequence(
                  text("u"),
                  choice(
                      sequence(chars('0', '9', 'a', 'c', 'A', 'C', 'e', 'f', 'E', 'F'), hex(3)),
                      sequence(chars('d', 'd', 'D', 'D'), chars('0', '7'), hex(2)),
                      sequence(
                          chars('d', 'd', 'D', 'D'),
                          chars('8', '9', 'a', 'b', 'A', 'B'),
                          hex(2),
                          text("\\u"),
                          chars('d', 'd', 'D', 'D'),
                          chars('c', 'f', 'C', 'F'),
                          hex(2))))));

  /** One character of a string. */
  static final Expression CHAR = choice(new Expression.Chars(PLAIN), ESCAPE);

  static final Expression UNSIGNED =
      choice(text("0"), sequence(chars('1', '9'), repeat(DIGIT, 0, 17)));

  private JsonText() {}

  private static Expression hex(int digits) {
    return repeat(HEX, digits, digits);
  }

  /** The rules the constants refer to. */
  static void addRules(Map<String, Expression> rules) {
    put(
        rules,
        WS,
        optional(
            choice(
                text(" "),
                sequence(
                    text("\n"), choice(repeat(text(" "), 0, 32), repeat(text("\t"), 1, 12))))));
    put(rules, STRING, sequence(QUOTE, any(CHAR), QUOTE));
    put(rules, INTEGER, sequence(optional(text("-")), UNSIGNED));
    put(
        rules,
        NUMBER,
        sequence(
            optional(text("-")),
            UNSIGNED,
            optional(sequence(text("."), repeat(DIGIT, 1, 18))),
            optional(
                sequence(
                    chars('e', 'e', 'E', 'E'),
                    optional(chars('+', '+', '-', '-')),
                    repeat(DIGIT, 1, 2)))));
    put(rules, VALUE, choice(OBJECT, ARRAY, STRING, NUMBER, BOOLEAN, NULL));
    put(rules, OBJECT, object(Expression.separated(member(STRING, VALUE), comma())));
    put(rules, ARRAY, array(Expression.separated(VALUE, comma())));
  }

  private static void put(Map<String, Expression> rules, Expression name, Expression body) {
    rules.put(((Expression.Rule) name).name(), body);
  }

  static Expression comma() {
    return sequence(text(","), WS);
  }

  static Expression member(Expression key, Expression value) {
    return sequence(key, text(":"), WS, value);
  }

  /** Braces around nothing or {@code members}. */
  static Expression object(Expression members) {
    return sequence(text("{"), WS, optional(sequence(members, WS)), text("}"));
  }

  /** Brackets around nothing or {@code items}. */
  static Expression array(Expression items) {
    return sequence(text("["), WS, optional(sequence(items, WS)), text("]"));
  }

  /** This text as a JSON string, spelled the shortest way. */
  static Expression literal(String value) {
    return text(quoted(value));
  }

  static String quoted(String value) {
    StringBuilder out = new StringBuilder("\"");
    value.codePoints().forEach(c -> out.append(spelled(c)));
    return out.append('"').toString();
  }

  /** One character as it is spelled within a string. */
  static String spelled(int c) {
    return switch (c) {
      case '"' -> "\\\"";
      case '\\' -> "\\\\";
      case '\n' -> "\\n";
      case '\r' -> "\\r";
      case '\t' -> "\\t";
      case '\b' -> "\\b";
      case '\f' -> "\\f";
      default -> c < ' ' ? String.format("\\u%04x", c) : Character.toString(c);
    };
  }

  /** {@code e}, an expression over characters, as it is spelled within a string. */
  static Expression inString(Expression e) {
    return switch (e) {
      case Expression.Text t -> {
        StringBuilder out = new StringBuilder();
        t.text().codePoints().forEach(c -> out.append(spelled(c)));
        yield text(out.toString());
      }
      case Expression.Chars c -> {
        List<Expression> options = new ArrayList<>();
        options.add(new Expression.Chars(c.set().and(PLAIN)));
        CodePoints escaped = c.set().minus(PLAIN);
        escaped.ranges().stream()
            .flatMapToInt(r -> IntStream.rangeClosed(r.from(), r.to()))
            .forEach(point -> options.add(text(spelled(point))));
        yield choice(options);
      }
      case Expression.Sequence s ->
          new Expression.Sequence(s.parts().stream().map(JsonText::inString).toList());
      case Expression.Choice c ->
          new Expression.Choice(c.options().stream().map(JsonText::inString).toList());
      case Expression.Repeat r -> repeat(inString(r.body()), r.min(), r.max());
      case Expression.Rule r -> r;
      case Expression.Special s -> s;
    };
  }
}
