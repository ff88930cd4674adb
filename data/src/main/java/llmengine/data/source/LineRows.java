package llmengine.data.source;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import llmengine.data.DataException;

/**
 * Rows that are lines: JSON Lines (one object each) and plain text (column {@code text}). Blank
 * JSON lines are skipped.
 */
final class LineRows {
  private LineRows() {}

  static RowSource openJson(Path file) {
    Set<String> columns = new HashSet<>();
    long[] offsets = scan(file, (line, number) -> checkJson(file, line, number, columns));
    return new FileRows(file, offsets, columns, JsonRows::decode);
  }

  /** Every line is a row, an empty one too. */
  static RowSource openText(Path file) {
    long[] offsets = scan(file, (line, number) -> true);
    return new FileRows(
        file,
        offsets,
        Set.of("text"),
        bytes -> JsonNodeFactory.instance.objectNode().put("text", text(bytes)));
  }

  private static String text(byte[] bytes) {
    int end = bytes.length;
    if (end > 0 && bytes[end - 1] == '\n') {
      end--;
    }
    if (end > 0 && bytes[end - 1] == '\r') {
      end--;
    }
    return new String(bytes, 0, end, StandardCharsets.UTF_8);
  }

  private static boolean checkJson(Path file, byte[] line, long number, Set<String> columns) {
    try (JsonParser parser = SourceFiles.JSON.createParser(line)) {
      JsonToken first = parser.nextToken();
      if (first == null) {
        return false;
      }
      if (first != JsonToken.START_OBJECT) {
        throw new DataException(
            file
                + ":"
                + number
                + ": expected one JSON object per line, got "
                + first
                + ". Put the rows into one array, or one object on each line.");
      }
      JsonRows.columnsOf(parser, columns);
      if (parser.nextToken() != null) {
        throw new DataException(
            file + ":" + number + ": expected one JSON object per line, got more than one.");
      }
      return true;
    } catch (JsonProcessingException e) {
      throw new DataException(
          file + ":" + number + ": malformed JSON: " + e.getOriginalMessage() + ". Fix this line.");
    } catch (IOException e) {
      throw SourceFiles.unreadable(file, e);
    }
  }

  private interface LineCheck {
    /** Whether the line is a row. */
    boolean isRow(byte[] line, long number);
  }

  /**
   * Offsets of the lines that are rows, and the end of the last one. A skipped blank line lengthens
   * the row before it, which the JSON decoder ignores.
   */
  private static long[] scan(Path file, LineCheck check) {
    var offsets = new RowOffsets();
    try (InputStream in = Files.newInputStream(file)) {
      long start = SourceFiles.skipByteOrderMark(in, file);
      long at = start;
      long number = 1;
      var line = new ByteArrayOutputStream(4096);
      byte[] buffer = new byte[1 << 16];
      for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
        int from = 0;
        for (int i = 0; i < n; i++) {
          if (buffer[i] == '\n') {
            line.write(buffer, from, i + 1 - from);
            if (check.isRow(line.toByteArray(), number++)) {
              offsets.add(start);
            }
            start = at + i + 1;
            from = i + 1;
            line.reset();
          }
        }
        line.write(buffer, from, n - from);
        at += n;
      }
      if (line.size() > 0 && check.isRow(line.toByteArray(), number)) {
        offsets.add(start);
      }
      offsets.add(at);
      return offsets.toArray();
    } catch (IOException e) {
      throw SourceFiles.unreadable(file, e);
    }
  }
}
