package llmengine.data.template.jinja;

/**
 * Text that was marked as safe for HTML: what is added to it by {@code +} is escaped, which some
 * chat templates do by accident. Any other operation takes it as the text it is.
 */
record Markup(String text) {

  /** The text of markup, any other value as it is. */
  static Object plain(Object value) {
    return value instanceof Markup markup ? markup.text() : value;
  }

  static Markup escaped(Object value) {
    return value instanceof Markup markup
        ? markup
        : new Markup(
            Values.text(value)
                .replace("&", "&amp;")
                .replace(">", "&gt;")
                .replace("<", "&lt;")
                .replace("'", "&#39;")
                .replace("\"", "&#34;"));
  }
}
