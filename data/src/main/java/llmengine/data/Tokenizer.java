package llmengine.data;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.OptionalInt;
import java.util.stream.IntStream;

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
   * Ids of a text of its own: as {@link #encode}, with the beginning-of-sequence token in front if
   * the checkpoint asks for it and the text does not begin with it.
   */
  default int[] encodeText(String text) {
    int[] ids = encode(text);
    if (!addsBos() || bosId().isEmpty()) {
      return ids;
    }
    int bos = bosId().getAsInt();
    return ids.length > 0 && ids[0] == bos
        ? ids
        : IntStream.concat(IntStream.of(bos), IntStream.of(ids)).toArray();
  }

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

  /**
   * By id, the bytes that each token adds to a text. A token may end within a character, and
   * several tokens may have the same bytes. Special tokens have those of their spelling.
   */
  default List<byte[]> tokenBytes() {
    return IntStream.range(0, vocabSize())
        .mapToObj(id -> tokenOf(id).getBytes(StandardCharsets.UTF_8))
        .toList();
  }

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
