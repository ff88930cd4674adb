package llmengine.serve;

import java.nio.charset.StandardCharsets;
import java.util.List;
import llmengine.data.Tokenizer;

/**
 * Bytes and text of tokens one by one, as lists of log-probabilities show them. Safe for concurrent
 * use.
 */
public final class TokenTexts {
  private final Tokenizer tokenizer;
  private volatile List<byte[]> bytes; // of all tokens, when first asked for

  public TokenTexts(Tokenizer tokenizer) {
    this.tokenizer = tokenizer;
  }

  /** The bytes that a token adds to a text. */
  public byte[] bytes(int id) {
    List<byte[]> all = bytes;
    if (all == null) {
      all = tokenizer.tokenBytes();
      bytes = all;
    }
    return all.get(id);
  }

  /** The token's bytes as text: those of broken characters are U+FFFD. */
  public String text(int id) {
    return new String(bytes(id), StandardCharsets.UTF_8);
  }
}
