package llmengine.train.config;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParseException;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Reads a JSON object into settings, as {@link YamlFile} does for YAML. */
final class JsonFile {

  private JsonFile() {}

  /** The settings of a file in its order; what cannot be read is added to {@code problems}. */
  static Map<String, Setting> read(Path file, List<String> problems) throws IOException {
    Map<String, Setting> settings = new LinkedHashMap<>();
    try (InputStream bytes = Files.newInputStream(file);
        JsonParser parser = new JsonFactory().createParser(bytes)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        problems.add(
            file
                + ":1: not a configuration: expected a JSON object, got "
                + (parser.currentToken() == null ? "nothing" : parser.currentToken().name())
                + ". Write {\"key\": value, ...}.");
        return settings;
      }
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String key = parser.currentName();
        String where = file + ":" + parser.currentTokenLocation().getLineNr();
        parser.nextToken();
        Setting earlier = settings.putIfAbsent(key, new Setting(key, value(parser), where));
        if (earlier != null) {
          problems.add(YamlFile.twice(where, key, earlier.where()));
        }
      }
      if (parser.nextToken() != null) {
        throw new JsonParseException(parser, "text after the object");
      }
    } catch (JsonProcessingException e) {
      int line = e.getLocation() == null ? 1 : e.getLocation().getLineNr();
      problems.add(
          file
              + ":"
              + line
              + ": malformed JSON: expected one object, got "
              + e.getOriginalMessage()
              + ". Correct the line.");
    }
    return settings;
  }

  private static Value value(JsonParser parser) throws IOException {
    return switch (parser.currentToken()) {
      case START_ARRAY -> {
        List<Value> items = new ArrayList<>();
        while (parser.nextToken() != JsonToken.END_ARRAY) {
          items.add(value(parser));
        }
        yield new Value.Sequence(items);
      }
      case START_OBJECT -> {
        LinkedHashMap<String, Value> entries = new LinkedHashMap<>();
        while (parser.nextToken() != JsonToken.END_OBJECT) {
          String key = parser.currentName();
          parser.nextToken();
          if (entries.putIfAbsent(key, value(parser)) != null) {
            throw new JsonParseException(parser, key + " twice in one object");
          }
        }
        yield new Value.Mapping(entries);
      }
      default ->
          new Value.Scalar(parser.getText(), parser.currentToken() == JsonToken.VALUE_STRING);
    };
  }
}
