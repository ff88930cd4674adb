package llmengine.data.template;

/**
 * One element of a format. Each is tokenized alone: ids may differ from those of the joined text,
 * because a merge of the tokenizer never crosses a slot's border.
 */
sealed interface Slot {
  String PLACEHOLDER = "{{content}}";

  /**
   * Literal text; the message's content stands between {@code before} and {@code after} if it takes
   * any.
   */
  record Text(String before, boolean takesContent, String after) implements Slot {
    static Text of(String format) {
      int at = format.indexOf(PLACEHOLDER);
      return at < 0
          ? new Text(format, false, "")
          : new Text(format.substring(0, at), true, format.substring(at + PLACEHOLDER.length()));
    }

    String with(String content) {
      return takesContent ? before + content + after : before;
    }
  }

  /** Exactly the id of this token, which must be in the vocabulary. */
  record Token(String name) implements Slot {}

  /** The tokenizer's own token; nothing if it has none. */
  enum Special implements Slot {
    BOS,
    EOS
  }
}
