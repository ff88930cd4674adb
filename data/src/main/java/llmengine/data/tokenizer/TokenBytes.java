package llmengine.data.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import llmengine.data.DataException;

/**
 * What a token adds to a text, by the decoder of its tokenizer.json. A token may end within a
 * character, which is why bytes are told and not text. Left aside is what a decoder does to the
 * very start of a text (Strip).
 */
final class TokenBytes {
  private static final String SPACE = "▁";
  private static final int[] BYTE_OF = byteAlphabet();

  private final boolean byteLevel;
  private final boolean spaces;
  private final boolean byteFallback;

  /** {@code where} (the file) appears in errors; a decoder that is not known is one. */
  TokenBytes(String where, JsonNode decoder) {
    Set<String> types = new HashSet<>();
    collect(where, decoder, types);
    byteLevel = types.contains("ByteLevel");
    spaces = types.contains("Replace") || types.contains("Metaspace");
    byteFallback = types.contains("ByteFallback");
  }

  private static void collect(String where, JsonNode decoder, Set<String> types) {
    if (decoder.isMissingNode() || decoder.isNull()) {
      return;
    }
    String type = decoder.path("type").asText();
    switch (type) {
      case "Sequence" -> decoder.path("decoders").forEach(part -> collect(where, part, types));
      case "ByteLevel", "Metaspace", "ByteFallback", "Fuse", "Strip" -> types.add(type);
      case "Replace" -> {
        boolean space =
            decoder.path("pattern").path("String").asText().equals(SPACE)
                && decoder.path("content").asText().equals(" ");
        if (!space) {
          throw unknown(where, decoder.toString());
        }
        types.add(type);
      }
      default -> throw unknown(where, type);
    }
  }

  private static DataException unknown(String where, String decoder) {
    return new DataException(
        where
            + " decoder: the bytes of a token are not known: expected ByteLevel, Metaspace, "
            + "ByteFallback, Fuse, Strip or Replace of \"▁\", got "
            + decoder
            + ". Constrained decoding needs another tokenizer.");
  }

  /** Bytes of the token the vocabulary spells so. */
  byte[] of(String token) {
    if (byteLevel) {
      return byteLevel(token);
    }
    if (byteFallback && token.length() == 6 && token.startsWith("<0x") && token.endsWith(">")) {
      int high = Character.digit(token.charAt(3), 16);
      int low = Character.digit(token.charAt(4), 16);
      if (high >= 0 && low >= 0) {
        return new byte[] {(byte) (high << 4 | low)};
      }
    }
    return (spaces ? token.replace(SPACE, " ") : token).getBytes(StandardCharsets.UTF_8);
  }

  // A token with a letter outside the alphabet is an added one and stands for itself.
  private static byte[] byteLevel(String token) {
    var out = new ByteArrayOutputStream(token.length());
    for (int i = 0; i < token.length(); i++) {
      char c = token.charAt(i);
      if (c >= BYTE_OF.length || BYTE_OF[c] < 0) {
        return token.getBytes(StandardCharsets.UTF_8);
      }
      out.write(BYTE_OF[c]);
    }
    return out.toByteArray();
  }

  // GPT-2's alphabet: printable Latin-1 stands for itself, the other bytes follow from U+0100 on.
  private static int[] byteAlphabet() {
    int[] bytes = new int[0x144];
    Arrays.fill(bytes, -1);
    int next = 0x100;
    for (int b = 0; b < 256; b++) {
      boolean printable = b >= '!' && b <= '~' || b >= 0xA1 && b <= 0xAC || b >= 0xAE;
      bytes[printable ? b : next++] = b;
    }
    return bytes;
  }
}
