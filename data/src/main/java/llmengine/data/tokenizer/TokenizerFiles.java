package llmengine.data.tokenizer;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import llmengine.data.DataException;

/** The tokenizer files of a checkpoint directory in the layout of Hugging Face transformers. */
final class TokenizerFiles {
  private static final String[] NAMED = {
    "bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token"
  };

  private TokenizerFiles() {}

  static HuggingFaceTokenizer load(Path dir) {
    Path file = dir.resolve("tokenizer.json");
    if (!Files.isRegularFile(file)) {
      throw missing(dir, file);
    }
    ObjectNode config = readObject(dir.resolve("tokenizer_config.json"));
    fillFrom(config, readObject(dir.resolve("special_tokens_map.json")));
    readTemplates(dir, config);
    TokenizerJson json = new TokenizerJson(file.toString(), read(file));
    JsonNode listed = readObject(dir.resolve("added_tokens.json"));
    return HuggingFaceTokenizer.of(withListedTokens(json, config, listed), config);
  }

  private static DataException missing(Path dir, Path file) {
    if (Files.isRegularFile(dir.resolve("tokenizer.model"))) {
      return new DataException(
          dir
              + ": only tokenizer.model: not supported yet: expected tokenizer.json. Load it once"
              + " with transformers' AutoTokenizer and save_pretrained, which writes"
              + " tokenizer.json.");
    }
    return new DataException(
        file
            + ": no such file: expected the tokenizer of a Hugging Face checkpoint. Check the path"
            + " or copy tokenizer.json beside the weights.");
  }

  // tokenizer_config.json wins; special_tokens_map.json fills in what it leaves out
  private static void fillFrom(ObjectNode config, ObjectNode map) {
    for (var entry : map.properties()) {
      if (!config.hasNonNull(entry.getKey())) {
        config.set(entry.getKey(), entry.getValue());
      }
    }
  }

  // transformers adds the tokens of added_tokens.json and added_tokens_decoder to the ones it finds
  private static TokenizerJson withListedTokens(
      TokenizerJson json, ObjectNode config, JsonNode listed) {
    var wanted = new TreeMap<Integer, AddedToken>();
    for (var entry : listed.properties()) {
      int id = entry.getValue().asInt(-1);
      AddedToken known = json.addedOf(id);
      if (known == null || !known.content().equals(entry.getKey())) {
        wanted.put(id, new AddedToken(id, entry.getKey(), false, false, false, true, false));
      }
    }
    for (var entry : config.path("added_tokens_decoder").properties()) {
      String content = entry.getValue().path("content").asText();
      int id = number(json.where(), entry.getKey());
      AddedToken token = AddedToken.of(id, content, entry.getValue());
      if (!token.equals(json.addedOf(id))) {
        wanted.put(id, token);
      }
    }
    return wanted.isEmpty() ? json : json.with(wanted.values());
  }

  private static int number(String where, String id) {
    try {
      return Integer.parseInt(id);
    } catch (NumberFormatException e) {
      throw new DataException(
          where
              + ": added_tokens_decoder of tokenizer_config.json: expected token ids as keys, got"
              + " \""
              + id
              + "\". Download the file again.",
          e);
    }
  }

  /** Files of templates go before those in tokenizer_config.json. */
  private static void readTemplates(Path dir, ObjectNode config) {
    Map<String, String> templates = new LinkedHashMap<>();
    Path single = dir.resolve("chat_template.jinja");
    if (Files.isRegularFile(single)) {
      templates.put("default", new String(read(single), StandardCharsets.UTF_8));
    }
    Path more = dir.resolve("additional_chat_templates");
    if (Files.isDirectory(more)) {
      try (Stream<Path> files = Files.list(more)) {
        for (Path file : files.sorted().toList()) {
          String name = file.getFileName().toString();
          if (name.endsWith(".jinja")) {
            templates.put(
                name.substring(0, name.length() - ".jinja".length()),
                new String(read(file), StandardCharsets.UTF_8));
          }
        }
      } catch (IOException e) {
        throw unreadable(more, e);
      }
    }
    if (templates.size() == 1 && templates.containsKey("default")) {
      config.put("chat_template", templates.get("default"));
    } else if (!templates.isEmpty()) {
      if (!templates.containsKey("default") && config.path("chat_template").isTextual()) {
        templates.put("default", config.get("chat_template").textValue());
      }
      ArrayNode list = config.putArray("chat_template");
      templates.forEach((name, text) -> list.addObject().put("name", name).put("template", text));
    }
  }

  static Map<String, String> tokensByName(ObjectNode config) {
    Map<String, String> tokens = new LinkedHashMap<>();
    for (String name : NAMED) {
      String token = token(config, name);
      if (token != null) {
        tokens.put(name, token);
      }
    }
    return tokens;
  }

  static List<String> namedTokens(ObjectNode config) {
    List<String> out = new ArrayList<>();
    for (String name : NAMED) {
      String token = token(config, name);
      if (token != null) {
        out.add(token);
      }
    }
    return out;
  }

  /** The token under this name, written as a string or as an object with its flags; or null. */
  static String token(JsonNode config, String name) {
    JsonNode node = config.path(name);
    JsonNode content = node.isObject() ? node.path("content") : node;
    return content.isTextual() ? content.textValue() : null;
  }

  static List<String> additionalTokens(JsonNode config) {
    List<String> out = new ArrayList<>();
    for (String key : new String[] {"additional_special_tokens", "extra_special_tokens"}) {
      if (config.path(key).isArray()) {
        for (JsonNode node : config.get(key)) {
          String content = node.isObject() ? node.path("content").asText() : node.asText();
          if (!out.contains(content)) {
            out.add(content);
          }
        }
      }
    }
    return out;
  }

  static void save(Path dir, TokenizerJson json, ObjectNode config) {
    ObjectNode full = config.deepCopy();
    full.remove("added_tokens_decoder");
    ObjectNode decoder = full.putObject("added_tokens_decoder");
    json.added().forEach(token -> decoder.set(Integer.toString(token.id()), token.flags()));
    if (!full.hasNonNull("tokenizer_class")) {
      full.put("tokenizer_class", "PreTrainedTokenizerFast");
    }
    ObjectNode map = TokenizerJson.MAPPER.createObjectNode();
    for (String name : NAMED) {
      String token = token(config, name);
      if (token != null) {
        map.put(name, token);
      }
    }
    List<String> additional = additionalTokens(config);
    if (!additional.isEmpty()) {
      additional.forEach(map.putArray("additional_special_tokens")::add);
    }
    try {
      Files.createDirectories(dir);
      write(dir.resolve("tokenizer.json"), json.bytes());
      write(dir.resolve("tokenizer_config.json"), pretty(full));
      write(dir.resolve("special_tokens_map.json"), pretty(map));
      Path template = dir.resolve("chat_template.jinja");
      // the file would win over tokenizer_config.json when the directory is loaded
      if (Files.exists(template) && config.path("chat_template").isTextual()) {
        write(template, config.get("chat_template").textValue().getBytes(StandardCharsets.UTF_8));
      }
    } catch (IOException e) {
      throw new DataException(
          dir
              + ": the tokenizer cannot be saved: "
              + e
              + ". Check that the directory is writable and"
              + " the disk has space.",
          e);
    }
  }

  private static byte[] pretty(JsonNode node) throws IOException {
    String text = TokenizerJson.MAPPER.writerWithDefaultPrettyPrinter().writeValueAsString(node);
    return (text + "\n").getBytes(StandardCharsets.UTF_8);
  }

  // a reader sees the old file or the whole new one, also after a crash
  private static void write(Path file, byte[] content) throws IOException {
    Path part = Files.createTempFile(file.getParent(), file.getFileName().toString(), ".part");
    try {
      try (FileChannel channel = FileChannel.open(part, StandardOpenOption.WRITE)) {
        ByteBuffer buffer = ByteBuffer.wrap(content);
        while (buffer.hasRemaining()) {
          channel.write(buffer);
        }
        channel.force(true);
      }
      if (Files.getFileStore(part).supportsFileAttributeView("posix")) {
        // temporary files are private; these are as public as the directory lets them be
        Files.setPosixFilePermissions(part, PosixFilePermissions.fromString("rw-r--r--"));
      }
      Files.move(part, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } finally {
      Files.deleteIfExists(part);
    }
  }

  private static ObjectNode readObject(Path file) {
    if (!Files.isRegularFile(file)) {
      return TokenizerJson.MAPPER.createObjectNode();
    }
    try {
      if (TokenizerJson.MAPPER.readTree(read(file)) instanceof ObjectNode object) {
        return object;
      }
    } catch (JsonProcessingException e) {
      throw new DataException(
          file + ": malformed JSON: " + e.getMessage() + ". Download the file again.", e);
    } catch (IOException e) {
      throw unreadable(file, e);
    }
    throw new DataException(
        file + ": expected a JSON object, got something else. Download the file again.");
  }

  private static byte[] read(Path file) {
    try {
      return Files.readAllBytes(file);
    } catch (IOException e) {
      throw unreadable(file, e);
    }
  }

  private static DataException unreadable(Path file, IOException e) {
    return new DataException(file + ": cannot be read: " + e + ". Check the file.", e);
  }
}
