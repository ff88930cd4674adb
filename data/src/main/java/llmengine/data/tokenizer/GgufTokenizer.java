package llmengine.data.tokenizer;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import llmengine.data.DataException;

/**
 * Builds the tokenizer of a GGUF from its metadata as the equal tokenizer.json, so that the same
 * library runs it: byte-level BPE ({@code tokenizer.ggml.model} gpt2) and SentencePiece BPE
 * (llama).
 */
public final class GgufTokenizer {
  // tokenizer.ggml.token_type
  private static final int NORMAL = 1;
  private static final int UNKNOWN = 2;
  private static final int CONTROL = 3;
  private static final int USER_DEFINED = 4;

  private record Merge(int left, int right, int leftLength, int rightLength, double score) {}

  private final GgufMetadata metadata;
  private final String[] tokens;
  private final Map<String, Integer> ids = new HashMap<>();
  private final int[] types;

  private GgufTokenizer(GgufMetadata metadata) {
    this.metadata = metadata;
    tokens = metadata.strings("tokenizer.ggml.tokens");
    for (int id = 0; id < tokens.length; id++) {
      Integer before = ids.put(tokens[id], id);
      if (before != null) {
        throw metadata.wrong(
            "tokenizer.ggml.tokens",
            "different tokens",
            "\"" + tokens[id] + "\" at " + before + " and " + id);
      }
    }
    types = new int[tokens.length];
    if (metadata.has("tokenizer.ggml.token_type")) {
      double[] given = metadata.numbers("tokenizer.ggml.token_type");
      checkCount("tokenizer.ggml.token_type", given.length);
      for (int id = 0; id < types.length; id++) {
        types[id] = (int) given[id];
      }
    } else {
      Arrays.fill(types, NORMAL);
    }
  }

  /**
   * Tokenizer of a GGUF's metadata; {@code where} (the file) appears in errors. Arrays may be
   * lists, String[], int[] or float[]. A tokenizer model or pre-tokenizer that is not supported, or
   * metadata that is missing or of another type, is a {@link DataException} naming it.
   */
  public static HuggingFaceTokenizer fromMetadata(String where, Map<String, ?> metadata) {
    var values = new GgufMetadata(where, metadata);
    String model = values.string("tokenizer.ggml.model");
    return switch (model) {
      case "gpt2" -> new GgufTokenizer(values).byteLevel();
      case "llama" -> new GgufTokenizer(values).sentencePiece();
      default ->
          throw new DataException(
              where
                  + " tokenizer.ggml.model: \""
                  + model
                  + "\": not supported yet: expected gpt2 or"
                  + " llama. Use the Hugging Face checkpoint of this model.");
    };
  }

  private HuggingFaceTokenizer byteLevel() {
    GgufPreTokenizer pre =
        GgufPreTokenizer.named(metadata.where(), metadata.string("tokenizer.ggml.pre", "default"));
    ObjectNode parts = JsonNodeFactory.instance.objectNode();
    parts.set("normalizer", pre.nfc() ? GgufPreTokenizer.object("NFC") : null);
    parts.set("pre_tokenizer", pre.json());
    parts.set("post_processor", postProcessor(pre.addsBos(), -1));
    parts.set("decoder", GgufPreTokenizer.byteLevel(true));
    ObjectNode model = GgufPreTokenizer.object("BPE");
    model.put("ignore_merges", pre.ignoreMerges());
    byte[] json = write(parts, model, splitMerges(metadata.strings("tokenizer.ggml.merges")));
    return tokenizer(json, pre.addsBos(), -1, -1, -1);
  }

  // a merge is written "left right"; neither side contains a space, as spaces have their own letter
  private String[][] splitMerges(String[] merges) {
    String[][] out = new String[merges.length][];
    for (int i = 0; i < merges.length; i++) {
      int space = merges[i].indexOf(' ', 1);
      if (space < 0) {
        throw metadata.wrong("tokenizer.ggml.merges", "two tokens and a space", merges[i]);
      }
      out[i] = new String[] {merges[i].substring(0, space), merges[i].substring(space + 1)};
    }
    return out;
  }

  private HuggingFaceTokenizer sentencePiece() {
    boolean prefix = metadata.flag("tokenizer.ggml.add_space_prefix", true);
    ObjectNode parts = JsonNodeFactory.instance.objectNode();
    ObjectNode spaces = replace(" ", "▁");
    if (prefix) {
      ObjectNode sequence = GgufPreTokenizer.object("Sequence");
      sequence
          .putArray("normalizers")
          .add(GgufPreTokenizer.object("Prepend").put("prepend", "▁"))
          .add(spaces);
      parts.set("normalizer", sequence);
    } else {
      parts.set("normalizer", spaces);
    }
    parts.set("pre_tokenizer", null);
    parts.set("post_processor", postProcessor(true, 1));
    ObjectNode decoder = GgufPreTokenizer.object("Sequence");
    ArrayNode steps = decoder.putArray("decoders");
    steps.add(replace("▁", " "));
    steps.add(GgufPreTokenizer.object("ByteFallback"));
    steps.add(GgufPreTokenizer.object("Fuse"));
    if (prefix) {
      steps.add(
          GgufPreTokenizer.object("Strip").put("content", " ").put("start", 1).put("stop", 0));
    }
    parts.set("decoder", decoder);
    int unknown = metadata.id("tokenizer.ggml.unknown_token_id", 0, tokens.length);
    ObjectNode model = GgufPreTokenizer.object("BPE");
    model.put("unk_token", tokens[unknown]).put("fuse_unk", true).put("byte_fallback", true);
    byte[] json = write(parts, model, mergesByScore());
    return tokenizer(json, true, 1, 2, unknown);
  }

  // what makes other readers of the saved tokenizer.json put bos in front; null: nothing
  private ObjectNode postProcessor(boolean addsBos, int bosDefault) {
    int bos = metadata.id("tokenizer.ggml.bos_token_id", bosDefault, tokens.length);
    if (bos < 0 || !metadata.flag("tokenizer.ggml.add_bos_token", addsBos)) {
      return null;
    }
    ObjectNode template = GgufPreTokenizer.object("TemplateProcessing");
    template
        .putArray("single")
        .add(part("SpecialToken", tokens[bos], 0))
        .add(part("Sequence", "A", 0));
    template
        .putArray("pair")
        .add(part("SpecialToken", tokens[bos], 0))
        .add(part("Sequence", "A", 0))
        .add(part("SpecialToken", tokens[bos], 1))
        .add(part("Sequence", "B", 1));
    ObjectNode special = template.putObject("special_tokens").putObject(tokens[bos]);
    special.put("id", tokens[bos]).putArray("ids").add(bos);
    special.putArray("tokens").add(tokens[bos]);
    return template;
  }

  private static ObjectNode part(String kind, String id, int typeId) {
    ObjectNode node = JsonNodeFactory.instance.objectNode();
    node.putObject(kind).put("id", id).put("type_id", typeId);
    return node;
  }

  private static ObjectNode replace(String from, String to) {
    ObjectNode node = GgufPreTokenizer.object("Replace");
    node.putObject("pattern").put("String", from);
    return node.put("content", to);
  }

  // SentencePiece joins the neighbours whose union has the best score: each way to cut a piece into
  // two
  // pieces is a merge, ranked by the score of the whole
  private String[][] mergesByScore() {
    double[] scores = metadata.numbers("tokenizer.ggml.scores");
    checkCount("tokenizer.ggml.scores", scores.length);
    List<Merge> merges = new ArrayList<>();
    for (int id = 0; id < tokens.length; id++) {
      String whole = tokens[id];
      if (types[id] != NORMAL) {
        continue;
      }
      for (int cut = 1; cut < whole.length(); cut++) {
        Integer left = ids.get(whole.substring(0, cut));
        Integer right = left == null ? null : ids.get(whole.substring(cut));
        if (right != null && types[left] == NORMAL && types[right] == NORMAL) {
          merges.add(new Merge(left, right, cut, whole.length() - cut, scores[id]));
        }
      }
    }
    merges.sort(
        Comparator.comparingDouble(Merge::score)
            .thenComparingInt(Merge::leftLength)
            .thenComparingInt(Merge::rightLength)
            .reversed());
    String[][] out = new String[merges.size()][];
    for (int i = 0; i < out.length; i++) {
      out[i] = new String[] {tokens[merges.get(i).left()], tokens[merges.get(i).right()]};
    }
    return out;
  }

  private void checkCount(String key, int count) {
    if (count != tokens.length) {
      throw metadata.wrong(key, "one entry for each of the " + tokens.length + " tokens", count);
    }
  }

  private byte[] write(ObjectNode parts, ObjectNode model, String[][] merges) {
    var out = new ByteArrayOutputStream(1 << 20);
    try (JsonGenerator generator = TokenizerJson.MAPPER.createGenerator(out)) {
      generator.writeStartObject();
      generator.writeStringField("version", "1.0");
      generator.writeNullField("truncation");
      generator.writeNullField("padding");
      generator.writeArrayFieldStart("added_tokens");
      for (int id = 0; id < tokens.length; id++) {
        boolean special = types[id] == CONTROL || types[id] == UNKNOWN;
        if (special || types[id] == USER_DEFINED) {
          generator.writeTree(
              new AddedToken(id, tokens[id], false, false, false, false, special).entry());
        }
      }
      generator.writeEndArray();
      for (var part : parts.properties()) {
        generator.writeFieldName(part.getKey());
        generator.writeTree(part.getValue());
      }
      generator.writeObjectFieldStart("model");
      for (var setting : model.properties()) {
        generator.writeFieldName(setting.getKey());
        generator.writeTree(setting.getValue());
      }
      generator.writeObjectFieldStart("vocab");
      for (int id = 0; id < tokens.length; id++) {
        generator.writeNumberField(tokens[id], id);
      }
      generator.writeEndObject();
      generator.writeArrayFieldStart("merges");
      for (String[] merge : merges) {
        generator.writeArray(merge, 0, 2);
      }
      generator.writeEndArray();
      generator.writeEndObject();
      generator.writeEndObject();
    } catch (IOException e) {
      throw new DataException(
          metadata.where() + ": the vocabulary cannot be written as tokenizer.json: " + e, e);
    }
    return out.toByteArray();
  }

  private HuggingFaceTokenizer tokenizer(
      byte[] json, boolean addsBos, int bosDefault, int eosDefault, int unkDefault) {
    ObjectNode config = JsonNodeFactory.instance.objectNode();
    name(config, "bos_token", "tokenizer.ggml.bos_token_id", bosDefault);
    name(config, "eos_token", "tokenizer.ggml.eos_token_id", eosDefault);
    name(config, "unk_token", "tokenizer.ggml.unknown_token_id", unkDefault);
    name(config, "pad_token", "tokenizer.ggml.padding_token_id", -1);
    config.put("add_bos_token", metadata.flag("tokenizer.ggml.add_bos_token", addsBos));
    config.put("clean_up_tokenization_spaces", false);
    config.put("tokenizer_class", "PreTrainedTokenizerFast");
    String template = "tokenizer.chat_template";
    if (metadata.has(template + ".tool_use")) {
      ArrayNode list = config.putArray("chat_template");
      list.addObject().put("name", "default").put("template", metadata.string(template, null));
      list.addObject()
          .put("name", "tool_use")
          .put("template", metadata.string(template + ".tool_use"));
    } else if (metadata.has(template)) {
      config.put("chat_template", metadata.string(template));
    }
    return HuggingFaceTokenizer.of(new TokenizerJson(metadata.where(), json), config);
  }

  private void name(ObjectNode config, String name, String key, int otherwise) {
    int id = metadata.id(key, otherwise, tokens.length);
    if (id >= 0) {
      config.put(name, tokens[id]);
    }
  }
}
