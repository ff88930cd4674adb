package llmengine.data.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import llmengine.data.DataException;
import llmengine.data.Tokenizer;

/**
 * The tokenizer of a Hugging Face checkpoint: tokenizer.json run by the tokenizers library itself,
 * special tokens and chat template from the files beside it. Immutable and safe for concurrent use.
 */
public final class HuggingFaceTokenizer implements Tokenizer {
  private final TokenizerJson json;
  private final ObjectNode config;
  private final NativeTokenizer library;
  private final List<String> additional;

  private HuggingFaceTokenizer(TokenizerJson json, ObjectNode config, NativeTokenizer library) {
    this.json = json;
    this.config = config;
    this.library = library;
    this.additional = List.copyOf(TokenizerFiles.additionalTokens(config));
  }

  /**
   * Loads tokenizer.json with, where present, tokenizer_config.json, special_tokens_map.json,
   * added_tokens.json, chat_template.jinja and additional_chat_templates/ of a checkpoint
   * directory. A missing tokenizer.json or an invalid file is a {@link DataException}.
   */
  public static HuggingFaceTokenizer load(Path dir) {
    return TokenizerFiles.load(dir);
  }

  /** Tokenizer of these two files; special tokens that are named but not yet added become so. */
  static HuggingFaceTokenizer of(TokenizerJson json, ObjectNode config) {
    List<String> named = TokenizerFiles.namedTokens(config);
    named.addAll(TokenizerFiles.additionalTokens(config));
    named.removeIf(token -> json.idOf(token) != null && json.addedOf(json.idOf(token)) != null);
    TokenizerJson complete = json.withSpecial(named);
    return new HuggingFaceTokenizer(complete, config, library(complete));
  }

  TokenizerJson json() {
    return json;
  }

  private static NativeTokenizer library(TokenizerJson json) {
    return new NativeTokenizer(json.where(), new String(json.bytes(), StandardCharsets.UTF_8));
  }

  @Override
  public int[] encode(String text) {
    return text.isEmpty() ? new int[0] : library.encode(text);
  }

  /** Text of {@code ids}; ids above the vocabulary give no text, a negative one is an error. */
  @Override
  public String decode(int[] ids, boolean skipSpecial) {
    long[] wide = new long[ids.length];
    for (int i = 0; i < ids.length; i++) {
      if (ids[i] < 0) {
        throw new DataException(
            "decode: position "
                + i
                + ": expected a token id >= 0, got "
                + ids[i]
                + ". Labels that are not learned must be left out.");
      }
      wide[i] = ids[i];
    }
    return library.decode(wide, skipSpecial);
  }

  @Override
  public int vocabSize() {
    return json.vocabSize();
  }

  @Override
  public OptionalInt idOf(String token) {
    Integer id = token == null ? null : json.idOf(token);
    return id == null ? OptionalInt.empty() : OptionalInt.of(id);
  }

  @Override
  public String tokenOf(int id) {
    String token = json.tokenOf(id);
    if (token == null) {
      throw new DataException(
          json.where() + ": no token has id " + id + ": expected an id below " + vocabSize() + ".");
    }
    return token;
  }

  /**
   * {@inheritDoc} A decoder of tokenizer.json that is not known is a {@link DataException}; ids
   * without a token have no bytes.
   */
  @Override
  public List<byte[]> tokenBytes() {
    TokenBytes bytes = new TokenBytes(json.where(), json.decoder());
    List<byte[]> all = new ArrayList<>(vocabSize());
    for (int id = 0; id < vocabSize(); id++) {
      String token = json.tokenOf(id);
      all.add(token == null ? new byte[0] : bytes.of(token));
    }
    return all;
  }

  @Override
  public boolean isSpecial(int id) {
    AddedToken token = json.addedOf(id);
    return token != null && token.special();
  }

  @Override
  public OptionalInt bosId() {
    return named("bos_token");
  }

  @Override
  public OptionalInt eosId() {
    return named("eos_token");
  }

  @Override
  public OptionalInt padId() {
    return named("pad_token");
  }

  /** The id for what the vocabulary cannot spell. */
  public OptionalInt unkId() {
    return named("unk_token");
  }

  private OptionalInt named(String name) {
    return idOf(TokenizerFiles.token(config, name));
  }

  @Override
  public boolean addsBos() {
    String bos = TokenizerFiles.token(config, "bos_token");
    if (bos == null) {
      return false;
    }
    JsonNode asked = config.path("add_bos_token");
    return asked.isBoolean() ? asked.booleanValue() : startsWith(bos, json.postProcessor());
  }

  private static boolean startsWith(String bos, JsonNode processor) {
    return switch (processor.path("type").asText()) {
      case "TemplateProcessing" ->
          processor.path("single").path(0).path("SpecialToken").path("id").asText().equals(bos);
      case "RobertaProcessing", "BertProcessing" ->
          processor.path("cls").path(0).asText().equals(bos);
      case "Sequence" -> {
        boolean any = false;
        for (JsonNode part : processor.path("processors")) {
          any |= startsWith(bos, part);
        }
        yield any;
      }
      default -> false;
    };
  }

  @Override
  public List<String> additionalSpecialTokens() {
    return additional;
  }

  /** The Jinja chat template of the checkpoint; of several the one named "default". */
  public Optional<String> chatTemplate() {
    return Optional.ofNullable(chatTemplates().get("default"));
  }

  /**
   * The Jinja chat templates of the checkpoint by name; one without a name is "default". Another
   * usual one is "tool_use".
   */
  public Map<String, String> chatTemplates() {
    JsonNode node = config.path("chat_template");
    Map<String, String> templates = new LinkedHashMap<>();
    if (node.isTextual()) {
      templates.put("default", node.textValue());
    }
    for (JsonNode named : node) {
      if (named.path("template").isTextual()) {
        templates.put(named.path("name").asText(), named.path("template").textValue());
      }
    }
    return templates;
  }

  /** The named special tokens the tokenizer has, such as bos_token. */
  public Map<String, String> specialTokens() {
    return TokenizerFiles.tokensByName(config);
  }

  /** A value of tokenizer_config.json that is a string, number or boolean, as text. */
  public Optional<String> setting(String key) {
    JsonNode node = config.path(key);
    return node.isValueNode() && !node.isNull() ? Optional.of(node.asText()) : Optional.empty();
  }

  @Override
  public HuggingFaceTokenizer withEos(String token) {
    return withNamed("eos_token", token);
  }

  @Override
  public HuggingFaceTokenizer withPad(String token) {
    return withNamed("pad_token", token);
  }

  private HuggingFaceTokenizer withNamed(String name, String token) {
    ObjectNode changed = config.deepCopy().put(name, token);
    return changed(json.withSpecial(List.of(token)), changed);
  }

  /** Adds these to the additional special tokens already there. */
  @Override
  public HuggingFaceTokenizer withAdditionalSpecialTokens(List<String> tokens) {
    Set<String> all = new LinkedHashSet<>(additional);
    all.addAll(tokens);
    ObjectNode changed = config.deepCopy();
    if (changed.path("extra_special_tokens").isArray()) {
      changed.remove("extra_special_tokens");
    }
    ArrayNode list = changed.putArray("additional_special_tokens");
    all.forEach(list::add);
    return changed(json.withSpecial(tokens), changed);
  }

  /**
   * With new tokens at the end of the vocabulary, as transformers' {@code add_tokens} adds them.
   *
   * @param words ordinary ones
   * @param special ones that decoding may leave out
   */
  public HuggingFaceTokenizer withTokens(List<String> words, List<String> special) {
    return changed(json.withWords(words).withSpecial(special), config);
  }

  /** Sets the chat template that {@link #save} writes. */
  public HuggingFaceTokenizer withChatTemplate(String template) {
    return changed(json, config.deepCopy().put("chat_template", template));
  }

  private HuggingFaceTokenizer changed(TokenizerJson changedJson, ObjectNode changedConfig) {
    NativeTokenizer changedLibrary = changedJson == json ? library : library(changedJson);
    return new HuggingFaceTokenizer(changedJson, changedConfig, changedLibrary);
  }

  /**
   * Writes tokenizer.json, tokenizer_config.json and special_tokens_map.json so that transformers
   * loads this tokenizer, each file atomically. An unwritable directory is a {@link DataException}.
   */
  public void save(Path dir, PaddingSide side) {
    ObjectNode saved = config.deepCopy();
    saved.put("padding_side", side.name().toLowerCase(Locale.ROOT));
    TokenizerFiles.save(dir, json, saved);
  }

  /**
   * {@link #save(Path, PaddingSide)} with the padding side of the checkpoint (right if it has
   * none).
   */
  public void save(Path dir) {
    boolean left = setting("padding_side").filter("left"::equals).isPresent();
    save(dir, left ? PaddingSide.LEFT : PaddingSide.RIGHT);
  }
}
