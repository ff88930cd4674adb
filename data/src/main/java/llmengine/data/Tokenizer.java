package llmengine.data;

import java.util.List;
import java.util.OptionalInt;

/**
 * Text to token ids and back. Immutable and safe for concurrent use; the {@code with...} methods
 * return a changed tokenizer (adding a token that the vocabulary lacks appends it at the end of the
 * vocabulary).
 */
public interface Tokenizer {
  /**
   * Ids of {@code text} without any token added around it; special tokens spelled out in the text
   * are recognised.
   */
  int[] encode(String text);

  /**
   * Text of {@code ids}; special tokens are left out if {@code skipSpecial}. Broken UTF-8 decodes
   * to U+FFFD.
   */
  String decode(int[] ids, boolean skipSpecial);

  /** Number of ids, added tokens included: every id is below it. */
  int vocabSize();

  /** Id of exactly this token; empty if the vocabulary has no such token. */
  OptionalInt idOf(String token);

  /** The token with this id as the vocabulary spells it (byte-level alphabets are not decoded). */
  String tokenOf(int id);

  boolean isSpecial(int id);

  OptionalInt bosId();

  OptionalInt eosId();

  OptionalInt padId();

  /** Whether the checkpoint asks for the beginning-of-sequence token in front of every text. */
  boolean addsBos();

  /**
   * The special tokens beside bos, eos, pad and unk, in order ({@code additional_special_tokens}).
   */
  List<String> additionalSpecialTokens();

  Tokenizer withEos(String token);

  Tokenizer withPad(String token);

  Tokenizer withAdditionalSpecialTokens(List<String> tokens);
}
