package llmengine.data.template.jinja;

import java.time.Clock;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import llmengine.data.DataException;

/**
 * A Jinja template with the semantics of Python's jinja2 as Hugging Face transformers sets it up
 * for chat templates: a sandbox without changes to lists and dicts, {@code trim_blocks}, {@code
 * lstrip_blocks}, {@code break} and {@code continue}, {@code generation} blocks, {@code tojson}
 * without HTML escapes, {@code raise_exception} and {@code strftime_now}. Inheritance, includes and
 * imports are refused.
 *
 * <p>Templates come with checkpoints from strangers: they see nothing but the variables given, and
 * work, output and nesting are bounded. Immutable and safe for concurrent use.
 */
public final class JinjaTemplate {
  private final String where;
  private final String source;
  private final List<Stmt> statements;
  private final Clock clock;

  private JinjaTemplate(String where, String source, List<Stmt> statements, Clock clock) {
    this.where = where;
    this.source = source;
    this.statements = statements;
    this.clock = clock;
  }

  /**
   * Parses a template; a {@link DataException} with the line if it isn't one.
   *
   * @param where for messages, such as {@code chat_template}
   */
  public static JinjaTemplate parse(String where, String source) {
    if (source.length() > Budget.TEXT) {
      throw new DataException(where + ": too long: got " + source.length() + " characters.");
    }
    try {
      return new JinjaTemplate(where, source, Parser.parse(source), Clock.systemDefaultZone());
    } catch (TemplateError e) {
      throw failed(where, e.line(), e);
    }
  }

  /** With another clock for {@code strftime_now}. */
  public JinjaTemplate withClock(Clock clock) {
    return new JinjaTemplate(where, source, statements, clock);
  }

  /** The template as it was given. */
  public String source() {
    return source;
  }

  /**
   * The template's output. Throws {@link DataException} with the line if it fails, raises an
   * exception itself, or asks for more than it may.
   *
   * @param variables null, booleans, numbers, texts, lists and maps of them
   */
  public String render(Map<String, ?> variables) {
    long[] size = new long[1];
    Map<String, Object> values = new LinkedHashMap<>();
    Interpreter interpreter = null;
    try {
      variables.forEach((name, value) -> values.put(name, Values.of(value, size)));
      interpreter = new Interpreter(new Budget(size[0]), new Globals(clock));
      return interpreter.render(statements, values);
    } catch (TemplateError e) {
      throw failed(where, interpreter == null ? e.line() : interpreter.line(), e);
    } catch (StackOverflowError e) {
      // the bounds suit half a megabyte of stack; a caller may have left less
      throw failed(
          where,
          interpreter == null ? 0 : interpreter.line(),
          new TemplateError("nested too deep"));
    }
  }

  private static DataException failed(String where, int line, TemplateError e) {
    return new DataException(
        where + ": " + (line > 0 ? "line " + line + ": " : "") + e.getMessage());
  }
}
