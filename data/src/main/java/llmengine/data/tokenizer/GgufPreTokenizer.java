package llmengine.data.tokenizer;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import llmengine.data.DataException;

/**
 * How a byte-level BPE vocabulary of a GGUF cuts text before merging, by its name in {@code
 * tokenizer.ggml.pre}: patterns applied one after the other, each match a piece of its own.
 *
 * @param patterns in the regular expressions of tokenizer.json; empty for digits and byte level
 *     alone
 * @param singleDigits every digit is a piece of its own, before anything else
 * @param gpt2 the pattern built into the byte-level step comes last
 * @param nfc text is brought to Unicode's composed form first
 * @param ignoreMerges a piece that is a token needs no merges
 * @param addsBos whether bos comes first when the file does not say
 */
record GgufPreTokenizer(
    List<String> patterns,
    boolean singleDigits,
    boolean gpt2,
    boolean nfc,
    boolean ignoreMerges,
    boolean addsBos) {

  private static final String ENDINGS =
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|";
  private static final String PUNCTUATION_AND_SPACE =
      "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
  private static final String LLAMA3 = ENDINGS + "\\p{N}{1,3}" + PUNCTUATION_AND_SPACE;
  private static final String QWEN2 = ENDINGS + "\\p{N}" + PUNCTUATION_AND_SPACE;
  // words are cut where lower case is followed by upper case
  private static final String UPPER = "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]";
  private static final String LOWER = "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]";
  private static final String BEFORE_WORD = "[^\\r\\n\\p{L}\\p{N}]?";
  private static final String SLASH_AND_SPACE =
      "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

  /** One name for each way to cut, the best known first. */
  private static final List<String> COMMON =
      List.of(
          "llama-bpe",
          "qwen2",
          "gpt-2",
          "smollm",
          "tekken",
          "gpt-4o",
          "deepseek-v3",
          "smaug-bpe",
          "stablelm2");

  private static final Map<String, GgufPreTokenizer> BY_NAME = byName();

  /** The one with this name; an unknown name is a {@link DataException}. */
  static GgufPreTokenizer named(String where, String name) {
    GgufPreTokenizer found = BY_NAME.get(name);
    if (found == null) {
      throw new DataException(
          where
              + " tokenizer.ggml.pre: unknown pre-tokenizer \""
              + name
              + "\": expected one of "
              + String.join(", ", new TreeSet<>(BY_NAME.keySet()))
              + ". Use the Hugging Face checkpoint of this model, which has a tokenizer.json.");
    }
    return found;
  }

  /**
   * The name under which llama.cpp knows the pre-tokenizer of a tokenizer.json.
   *
   * @param steps of it, in order
   * @param nfc whether the normalizer composes characters
   */
  static String nameOf(String where, List<ObjectNode> steps, boolean nfc, boolean ignoreMerges) {
    List<String> patterns = new ArrayList<>();
    boolean digits = false;
    boolean gpt2 = false;
    boolean known = true;
    for (ObjectNode step : steps) {
      switch (step.path("type").asText()) {
        case "Digits" -> {
          digits = step.path("individual_digits").asBoolean();
          known &= digits && patterns.isEmpty();
        }
        case "Split" -> {
          patterns.add(step.path("pattern").path("Regex").asText());
          known &= step.path("behavior").asText().equals("Isolated");
        }
        case "ByteLevel" -> gpt2 = step.path("use_regex").asBoolean(true);
        default -> known = false;
      }
    }
    for (boolean exact : new boolean[] {true, false}) {
      for (String name : COMMON) {
        GgufPreTokenizer pre = BY_NAME.get(name);
        boolean same =
            pre.patterns.equals(patterns) && pre.singleDigits == digits && pre.gpt2 == gpt2;
        if (known && same && pre.nfc == nfc && (!exact || pre.ignoreMerges == ignoreMerges)) {
          return name;
        }
      }
    }
    throw new DataException(
        where
            + ": pre_tokenizer: llama.cpp has no such pre-tokenizer: expected that of one of "
            + String.join(", ", COMMON)
            + ", got "
            + steps
            + (nfc ? " after NFC" : "")
            + ". Export to a Hugging Face directory instead.");
  }

  private static Map<String, GgufPreTokenizer> byName() {
    Map<String, GgufPreTokenizer> all = new TreeMap<>();
    var gpt2 = new GgufPreTokenizer(List.of(), false, true, false, false, false);
    names(
        all, gpt2, "gpt-2", "gpt2", "phi-2", "mpt", "olmo", "jais", "trillion", "granite-docling");
    var digits = new GgufPreTokenizer(List.of(), true, true, false, false, false);
    names(all, digits, "smollm", "starcoder", "refact", "command-r", "codeshell", "exaone");
    var plain =
        new GgufPreTokenizer(
            List.of(
                "[\\p{P}\\$\\+<=>\\^~\\|]+",
                "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)",
                "\\p{N}+",
                "[0-9][0-9][0-9]"),
            false,
            false,
            false,
            false,
            false);
    names(all, plain, "default");
    names(all, ofPattern(LLAMA3, false, true, true), "llama-bpe", "llama3", "llama-v3", "falcon3");
    names(all, ofPattern(LLAMA3, false, false, false), "dbrx", "smaug-bpe", "glm4", "chatglm-bpe");
    names(all, ofPattern(QWEN2, true, false, false), "qwen2", "deepseek-r1-qwen", "megrez");
    names(all, ofPattern(QWEN2, false, false, false), "stablelm2", "hunyuan");
    String tekken =
        BEFORE_WORD
            + UPPER
            + "*"
            + LOWER
            + "+|"
            + BEFORE_WORD
            + UPPER
            + "+"
            + LOWER
            + "*|\\p{N}"
            + SLASH_AND_SPACE;
    names(all, ofPattern(tekken, false, true, true), "tekken");
    String endings = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?";
    String gpt4o =
        BEFORE_WORD
            + UPPER
            + "*"
            + LOWER
            + "+"
            + endings
            + "|"
            + BEFORE_WORD
            + UPPER
            + "+"
            + LOWER
            + "*"
            + endings
            + "|\\p{N}{1,3}"
            + SLASH_AND_SPACE;
    names(all, ofPattern(gpt4o, false, false, false), "gpt-4o", "llama4");
    var deepseek3 =
        new GgufPreTokenizer(
            List.of(
                "\\p{N}{1,3}",
                "[一-龥\u3040-ゟ゠-ヿ]+",
                "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+"
                    + "|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
                    + "| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"),
            false,
            false,
            false,
            false,
            false);
    names(all, deepseek3, "deepseek-v3", "hunyuan-dense");
    return Map.copyOf(all);
  }

  private static GgufPreTokenizer ofPattern(
      String pattern, boolean nfc, boolean ignoreMerges, boolean addsBos) {
    return new GgufPreTokenizer(List.of(pattern), false, false, nfc, ignoreMerges, addsBos);
  }

  private static void names(
      Map<String, GgufPreTokenizer> all, GgufPreTokenizer value, String... names) {
    for (String name : names) {
      all.put(name, value);
    }
  }

  /** The {@code pre_tokenizer} of tokenizer.json. */
  ObjectNode json() {
    List<ObjectNode> steps = new ArrayList<>();
    if (singleDigits) {
      steps.add(object("Digits").put("individual_digits", true));
    }
    for (String pattern : patterns) {
      ObjectNode split = object("Split");
      split.putObject("pattern").put("Regex", pattern);
      steps.add(split.put("behavior", "Isolated").put("invert", false));
    }
    steps.add(byteLevel(gpt2));
    if (steps.size() == 1) {
      return steps.getFirst();
    }
    ObjectNode sequence = object("Sequence");
    ArrayNode list = sequence.putArray("pretokenizers");
    steps.forEach(list::add);
    return sequence;
  }

  /** The byte-level step: every byte becomes a printable character, no space is put in front. */
  static ObjectNode byteLevel(boolean useRegex) {
    return object("ByteLevel")
        .put("add_prefix_space", false)
        .put("trim_offsets", true)
        .put("use_regex", useRegex);
  }

  static ObjectNode object(String type) {
    return JsonNodeFactory.instance.objectNode().put("type", type);
  }
}
