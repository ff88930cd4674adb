package llmengine.data.tokenizer;

import java.util.Arrays;
import llmengine.data.Tokenizer;

/**
 * Text of tokens as they are generated. A token may end within a character; what is not yet a whole
 * code point is held back, and the pieces joined are the text of all tokens. Not safe for
 * concurrent use.
 *
 * <p>Tokens cannot be decoded one by one, as decoders treat the first one differently
 * (SentencePiece strips its space), so the last one with text of its own stays as context.
 */
public final class StreamDetokenizer {
  private static final char BROKEN = '\uFFFD';
  // longest run of tokens without a whole character that is worth waiting for
  private static final int PATIENCE = 64;

  private final Tokenizer tokenizer;
  private final boolean skipSpecial;
  private int[] window = new int[16];
  private int size;
  private int emitted;

  /** {@code skipSpecial}: special tokens give no text. */
  public StreamDetokenizer(Tokenizer tokenizer, boolean skipSpecial) {
    this.tokenizer = tokenizer;
    this.skipSpecial = skipSpecial;
  }

  /** The text that {@code id} completes; empty if there is none yet. */
  public String add(int id) {
    if (skipSpecial && tokenizer.isSpecial(id)) {
      return "";
    }
    if (size == window.length) {
      window = Arrays.copyOf(window, 2 * size);
    }
    window[size++] = id;
    String text = decode(0);
    int whole = text.length();
    while (whole > 0 && text.charAt(whole - 1) == BROKEN) {
      whole--;
    }
    if (size > PATIENCE) {
      whole = text.length();
    }
    String piece = whole > emitted ? text.substring(emitted, whole) : "";
    emitted = Math.max(emitted, whole);
    if (whole == text.length()) {
      keepContext();
    }
    return piece;
  }

  /** What was held back, when no token follows: broken characters appear as U+FFFD. */
  public String finish() {
    String text = decode(0);
    String rest = text.length() > emitted ? text.substring(emitted) : "";
    size = 0;
    emitted = 0;
    return rest;
  }

  private void keepContext() {
    String alone = decode(size - 1);
    boolean clean = !alone.isEmpty() && alone.indexOf(BROKEN) < 0;
    if (clean || size > PATIENCE) {
      window[0] = window[size - 1];
      size = 1;
      emitted = alone.length();
    }
  }

  private String decode(int from) {
    return tokenizer.decode(Arrays.copyOfRange(window, from, size), skipSpecial);
  }
}
