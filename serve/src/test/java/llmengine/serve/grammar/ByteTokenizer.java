package llmengine.serve.grammar;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import llmengine.data.Tokenizer;

/** A token for each byte, some of several bytes (some within characters), and special ones. */
final class ByteTokenizer implements Tokenizer {
  private static final String[] WORDS = {
    "{\"",
    "\":",
    "\": ",
    "\",",
    "\", \"",
    "\"}",
    "\"}}",
    "}]",
    "[]",
    "{}",
    "  ",
    "\n  ",
    "name",
    "na",
    "true",
    "false",
    "null",
    "12",
    "0.5",
    "<tool",
    "_call>",
    "arguments",
    "é",
    "日本",
    "\\u00",
    "}\n"
  };
  private static final String[] SPECIALS = {"<eos>", "<think>", "</think>", "[TOOL_CALLS]"};
  static final int EOS = 256 + WORDS.length + 1;

  private final List<byte[]> tokens = new ArrayList<>();

  ByteTokenizer() {
    for (int b = 0; b < 256; b++) {
      tokens.add(new byte[] {(byte) b});
    }
    for (String word : WORDS) {
      tokens.add(word.getBytes(StandardCharsets.UTF_8));
    }
    tokens.add(new byte[] {(byte) 0xE6, (byte) 0x97}); // two thirds of a character
    for (String special : SPECIALS) {
      tokens.add(special.getBytes(StandardCharsets.UTF_8));
    }
  }

  @Override
  public List<byte[]> tokenBytes() {
    return tokens;
  }

  @Override
  public int vocabSize() {
    return tokens.size();
  }

  @Override
  public boolean isSpecial(int id) {
    return id >= EOS;
  }

  @Override
  public String tokenOf(int id) {
    return new String(tokens.get(id), StandardCharsets.UTF_8);
  }

  @Override
  public OptionalInt idOf(String token) {
    byte[] bytes = token.getBytes(StandardCharsets.UTF_8);
    for (int id = tokens.size() - 1; id >= 0; id--) {
      if (Arrays.equals(tokens.get(id), bytes)) {
        return OptionalInt.of(id);
      }
    }
    return OptionalInt.empty();
  }

  @Override
  public int[] encode(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    int[] ids = new int[bytes.length];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = bytes[i] & 0xFF;
    }
    return ids;
  }

  @Override
  public String decode(int[] ids, boolean skipSpecial) {
    var out = new ByteArrayOutputStream();
    for (int id : ids) {
      if (!skipSpecial || !isSpecial(id)) {
        out.writeBytes(tokens.get(id));
      }
    }
    return out.toString(StandardCharsets.UTF_8);
  }

  @Override
  public OptionalInt bosId() {
    return OptionalInt.empty();
  }

  @Override
  public OptionalInt eosId() {
    return OptionalInt.of(EOS);
  }

  @Override
  public OptionalInt padId() {
    return OptionalInt.empty();
  }

  @Override
  public boolean addsBos() {
    return false;
  }

  @Override
  public List<String> additionalSpecialTokens() {
    return List.of();
  }

  @Override
  public Tokenizer withEos(String token) {
    throw new UnsupportedOperationException();
  }

  @Override
  public Tokenizer withPad(String token) {
    throw new UnsupportedOperationException();
  }

  @Override
  public Tokenizer withAdditionalSpecialTokens(List<String> added) {
    throw new UnsupportedOperationException();
  }
}
