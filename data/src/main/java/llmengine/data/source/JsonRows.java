package llmengine.data.source;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import llmengine.data.DataException;

/** Finds the rows of a JSON file that is one array of objects, token by token. */
final class JsonRows {
  private static final ObjectReader ROW = new ObjectMapper(SourceFiles.JSON).reader();

  private JsonRows() {}

  static RowSource open(Path file) {
    var offsets = new RowOffsets();
    Set<String> columns = new HashSet<>();
    try (InputStream in = Files.newInputStream(file)) {
      int mark = SourceFiles.skipByteOrderMark(in, file);
      try (JsonParser parser = SourceFiles.JSON.createParser(in)) {
        if (parser.nextToken() != JsonToken.START_ARRAY) {
          throw at(file, parser, "expected an array of objects, got " + parser.currentToken());
        }
        while (parser.nextToken() != JsonToken.END_ARRAY) {
          if (parser.currentToken() != JsonToken.START_OBJECT) {
            throw at(file, parser, "expected an object as row, got " + parser.currentToken());
          }
          offsets.add(mark + byteOffset(file, parser));
          columnsOf(parser, columns);
        }
        offsets.add(mark + byteOffset(file, parser));
        if (parser.nextToken() != null) {
          throw at(file, parser, "expected the end of the file after the array, got more");
        }
      }
    } catch (JsonProcessingException e) {
      throw malformed(file, e);
    } catch (IOException e) {
      throw SourceFiles.unreadable(file, e);
    }
    return new FileRows(file, offsets.toArray(), columns, JsonRows::decode);
  }

  /** Reads the object at the parser to its end, noting the names of its own fields. */
  static void columnsOf(JsonParser parser, Set<String> columns) throws IOException {
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      columns.add(parser.currentName());
      parser.nextToken();
      parser.skipChildren();
    }
  }

  /** The first value in {@code bytes}; the comma or bracket behind it belongs to the array. */
  static JsonNode decode(byte[] bytes) throws IOException {
    try (JsonParser parser = ROW.createParser(bytes)) {
      return ROW.readTree(parser);
    }
  }

  static DataException malformed(Path file, JsonProcessingException e) {
    long line = e.getLocation() == null ? 1 : e.getLocation().getLineNr();
    return new DataException(
        file + ":" + line + ": malformed JSON: " + e.getOriginalMessage() + ". Fix this line.");
  }

  private static long byteOffset(Path file, JsonParser parser) {
    long offset = parser.currentTokenLocation().getByteOffset();
    if (offset < 0) { // Jackson found UTF-16 or UTF-32 and reads characters
      throw new DataException(
          file + ": unknown encoding: expected UTF-8, got UTF-16 or UTF-32. Convert the file.");
    }
    return offset;
  }

  private static DataException at(Path file, JsonParser parser, String what) {
    return new DataException(
        file + ":" + parser.currentTokenLocation().getLineNr() + ": " + what + ".");
  }
}
