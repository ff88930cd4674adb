package llmengine.data.tokenizer;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import llmengine.data.DataException;

/**
 * A tokenizer as the metadata of a GGUF file describe it, the inverse of {@link GgufTokenizer}:
 * byte-level BPE ({@code tokenizer.ggml.model} gpt2) with its merges, or SentencePiece BPE (llama)
 * with scores that rank the merges. What to write and why follows llama.cpp's converter.
 *
 * @param model {@code gpt2} or {@code llama}
 * @param pre name of the pre-tokenizer, {@code default} for llama
 * @param tokens by id, padded to the rows of the token table with {@code [PAD<id>]}
 * @param scores by id; empty for gpt2
 * @param types by id: 1 normal, 2 unknown, 3 control, 4 user defined, 5 unused, 6 byte
 * @param merges each {@code left right}, by rank; empty for llama
 * @param addsBos whether bos comes in front of every text
 * @param addsSpacePrefix whether a space comes in front of every text; empty if nobody says
 * @param bos token ids, as the three after it
 * @param chatTemplate in Jinja
 */
public record GgufVocabulary(
    String model,
    String pre,
    List<String> tokens,
    List<Float> scores,
    List<Integer> types,
    List<String> merges,
    boolean addsBos,
    Optional<Boolean> addsSpacePrefix,
    OptionalInt bos,
    OptionalInt eos,
    OptionalInt unk,
    OptionalInt pad,
    Optional<String> chatTemplate) {
  private static final int NORMAL = 1;
  private static final int UNKNOWN = 2;
  private static final int CONTROL = 3;
  private static final int USER_DEFINED = 4;
  private static final int UNUSED = 5;
  private static final int BYTE = 6;

  private static final String SPACE = "▁";

  /** Score of tokens that no merge makes: below all others. */
  private static final float UNMERGED = -1e6f;

  /**
   * The vocabulary of a tokenizer.
   *
   * @param size rows of the model's token table, at least the tokenizer's tokens
   * @throws DataException if GGUF can't express the tokenizer
   */
  public static GgufVocabulary of(HuggingFaceTokenizer tokenizer, int size) {
    return new Reader(tokenizer, size).read();
  }

  /** Reads tokenizer.json once: its parts and its merges. */
  private static final class Reader {
    private final HuggingFaceTokenizer tokenizer;
    private final TokenizerJson json;
    private final int size;
    private final List<String> merges = new ArrayList<>();
    private final List<String[]> parts = new ArrayList<>();
    private JsonNode normalizer = MissingNode.getInstance();
    private JsonNode preTokenizer = MissingNode.getInstance();
    private JsonNode decoder = MissingNode.getInstance();
    private String kind = "BPE";
    private boolean byteFallback;
    private boolean ignoreMerges;

    Reader(HuggingFaceTokenizer tokenizer, int size) {
      this.tokenizer = tokenizer;
      this.json = tokenizer.json();
      this.size = size;
      try (JsonParser parser = TokenizerJson.MAPPER.createParser(json.bytes())) {
        parser.nextToken();
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
          String field = parser.currentName();
          parser.nextToken();
          switch (field) {
            case "normalizer" -> normalizer = parser.readValueAsTree();
            case "pre_tokenizer" -> preTokenizer = parser.readValueAsTree();
            case "decoder" -> decoder = parser.readValueAsTree();
            case "model" -> model(parser);
            default -> parser.skipChildren();
          }
        }
      } catch (IOException e) {
        throw new DataException(json.where() + ": can't be read: " + e.getMessage(), e);
      }
    }

    private void model(JsonParser parser) throws IOException {
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String field = parser.currentName();
        parser.nextToken();
        switch (field) {
          case "type" -> kind = parser.getText();
          case "byte_fallback" -> byteFallback = parser.getValueAsBoolean();
          case "ignore_merges" -> ignoreMerges = parser.getValueAsBoolean();
          case "merges" -> merges(parser);
          default -> parser.skipChildren();
        }
      }
    }

    // written "left right", or as a list of the two since a part may hold a space
    private void merges(JsonParser parser) throws IOException {
      while (parser.nextToken() != JsonToken.END_ARRAY) {
        if (parser.currentToken() == JsonToken.VALUE_STRING) {
          String merge = parser.getText();
          int space = merge.indexOf(' ', 1);
          if (space < 0) {
            throw unfit("merges of two tokens", "\"" + merge + "\"");
          }
          add(merge.substring(0, space), merge.substring(space + 1));
        } else {
          String left = parser.nextTextValue();
          String right = parser.nextTextValue();
          if (left == null || right == null || parser.nextToken() != JsonToken.END_ARRAY) {
            throw unfit("merges of two tokens", "something else");
          }
          add(left, right);
        }
      }
    }

    private void add(String left, String right) {
      parts.add(new String[] {left, right});
      merges.add(left + " " + right);
    }

    GgufVocabulary read() {
      if (!kind.equals("BPE")) {
        throw unfit("a BPE model", kind);
      }
      boolean byteLevel = decoder.toString().contains("\"ByteLevel\"");
      if (!byteLevel && !byteFallback) {
        throw unfit("byte-level BPE, or BPE that falls back to bytes", "neither");
      }
      String[] tokens = new String[size];
      int[] types = new int[size];
      for (int id = 0; id < size; id++) {
        String token = json.tokenOf(id);
        tokens[id] = token == null ? "[PAD" + id + "]" : token;
        types[id] = token == null ? UNUSED : type(id, token, byteLevel);
        if (types[id] == USER_DEFINED && !byteLevel) {
          tokens[id] = token.replace(SPACE, " ");
        }
      }
      return new GgufVocabulary(
          byteLevel ? "gpt2" : "llama",
          byteLevel
              ? GgufPreTokenizer.nameOf(json.where(), steps(), isNfc(), ignoreMerges)
              : "default",
          List.of(tokens),
          byteLevel ? List.of() : scores(tokens, types),
          Arrays.stream(types).boxed().toList(),
          byteLevel ? merges : List.of(),
          tokenizer.addsBos(),
          spacePrefix(byteLevel),
          tokenizer.bosId(),
          tokenizer.eosId(),
          tokenizer.unkId(),
          tokenizer.padId(),
          tokenizer.chatTemplate());
    }

    private int type(int id, String token, boolean byteLevel) {
      if (!byteLevel && tokenizer.unkId().equals(OptionalInt.of(id))) {
        return UNKNOWN;
      }
      AddedToken added = json.addedOf(id);
      if (added != null) {
        return added.special() || looksSpecial(token) ? CONTROL : USER_DEFINED;
      }
      return !byteLevel && token.matches("<0x[0-9A-F]{2}>") ? BYTE : NORMAL;
    }

    /** Some checkpoints do not mark tokens special that are. */
    private static boolean looksSpecial(String token) {
      return token.equals("<pad>")
          || token.equals("<mask>")
          || token.equals("<2mass>")
          || token.equals("[@BOS@]")
          || token.startsWith("<|") && token.endsWith("|>")
          || token.startsWith("<｜") && token.endsWith("｜>")
          || token.startsWith("<unused") && token.endsWith(">");
    }

    /** A token's score is the rank of the first merge that makes it. */
    private List<Float> scores(String[] tokens, int[] types) {
      Float[] scores = new Float[tokens.length];
      for (int rank = 0; rank < parts.size(); rank++) {
        Integer id = json.idOf(parts.get(rank)[0] + parts.get(rank)[1]);
        if (id != null && id < scores.length && scores[id] == null) {
          scores[id] = (float) -rank; // an int: no minus zero
        }
      }
      for (int id = 0; id < scores.length; id++) {
        if (types[id] == CONTROL || types[id] == UNKNOWN || types[id] == BYTE) {
          scores[id] = 0f;
        } else if (scores[id] == null) {
          scores[id] = UNMERGED;
        }
      }
      return List.of(scores);
    }

    private Optional<Boolean> spacePrefix(boolean byteLevel) {
      if (!byteLevel) {
        String steps = normalizer.toString() + preTokenizer;
        return Optional.of(
            steps.contains("\"Prepend\"")
                || steps.contains("\"Metaspace\"")
                    && !steps.contains("\"prepend_scheme\":\"never\""));
      }
      return tokenizer.setting("add_prefix_space").map(Boolean::parseBoolean);
    }

    private boolean isNfc() {
      return normalizer.toString().contains("\"NFC\"");
    }

    /** The steps of the pre-tokenizer, one after the other. */
    private List<ObjectNode> steps() {
      List<ObjectNode> steps = new ArrayList<>();
      JsonNode list = preTokenizer.path("pretokenizers");
      if (!list.isArray() && preTokenizer instanceof ObjectNode single) {
        steps.add(single);
      }
      for (JsonNode step : list) {
        steps.add((ObjectNode) step);
      }
      return steps;
    }

    private DataException unfit(String expected, String got) {
      return new DataException(
          json.where()
              + ": this tokenizer can't be written to GGUF: expected "
              + expected
              + ", got "
              + got
              + ". Export to a Hugging Face directory instead.");
    }
  }
}
