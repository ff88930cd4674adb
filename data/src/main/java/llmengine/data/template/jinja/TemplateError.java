package llmengine.data.template.jinja;

/**
 * What went wrong inside a template; {@link JinjaTemplate} puts template and line in front of it.
 */
final class TemplateError extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** 0 if the line is the one being evaluated. */
  private final int line;

  TemplateError(String message) {
    this(0, message);
  }

  TemplateError(int line, String message) {
    super(message, null, false, false);
    this.line = line;
  }

  int line() {
    return line;
  }
}
