package llmengine.data.template.jinja;

/**
 * What a rendering may use: templates come with checkpoints from strangers. Work is counted in
 * steps of evaluation and in characters and elements made, and may grow with the input.
 */
final class Budget {
  /** Longest text, in chars. */
  static final int TEXT = 1 << 25;

  /** Most elements of a list. */
  static final int ELEMENTS = 1 << 20;

  /** Python's bound is a recursion of 1000 too. */
  private static final int DEPTH = 500;

  private static final long WORK = 30_000_000;
  private static final long WORK_PER_CHARACTER = 200;

  private final long limit;
  private long used;
  private int depth;

  /**
   * @param input characters of the variables
   */
  Budget(long input) {
    this.limit = WORK + WORK_PER_CHARACTER * input;
  }

  void spend(long work) {
    used += work;
    if (used > limit || used < 0) {
      throw new TemplateError("the template does too much work: it may not end.");
    }
  }

  /** A text that was made. */
  String text(String text) {
    length(text.length());
    return text;
  }

  /** Before a text of that many chars is made. */
  void length(long chars) {
    if (chars > TEXT) {
      throw new TemplateError(
          "a text is too long: expected at most " + TEXT + " characters, got " + chars + ".");
    }
    spend(chars);
  }

  /** Before a list of that many elements is made. */
  void elements(long count) {
    if (count > ELEMENTS) {
      throw new TemplateError(
          "a list is too long: expected at most " + ELEMENTS + " elements, got " + count + ".");
    }
    spend(count);
  }

  void enter() {
    spend(1);
    if (++depth > DEPTH) {
      depth = 0;
      throw new TemplateError("nested too deep: expected at most " + DEPTH + " levels.");
    }
  }

  void leave() {
    depth--;
  }
}
