package llmengine.data.source;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import llmengine.data.DataException;

/**
 * Comma-separated rows (RFC 4180: quoted fields may hold commas, line ends and doubled quotes)
 * under a header line. Fields stay text as written; an empty field is null.
 */
final class CsvRows {
  private CsvRows() {}

  static RowSource open(Path file) {
    long[] records = scan(file);
    if (records.length < 2) {
      throw new DataException(file + ":1: expected a header line with column names, got nothing.");
    }
    List<String> header;
    try (InputStream in = Files.newInputStream(file)) {
      in.skipNBytes(records[0]);
      header = fields(in.readNBytes(Math.toIntExact(records[1] - records[0])));
    } catch (IOException e) {
      throw SourceFiles.unreadable(file, e);
    }
    if (new LinkedHashSet<>(header).size() < header.size()) {
      throw new DataException(file + ":1: expected distinct column names, got " + header + ".");
    }
    long[] offsets = Arrays.copyOfRange(records, 1, records.length);
    return new FileRows(
        file, offsets, new LinkedHashSet<>(header), bytes -> row(header, fields(bytes)));
  }

  private static JsonNode row(List<String> header, List<String> fields) throws IOException {
    if (fields.size() != header.size()) {
      throw new IOException("expected " + header.size() + " fields, got " + fields.size());
    }
    ObjectNode row = JsonNodeFactory.instance.objectNode();
    for (int i = 0; i < fields.size(); i++) {
      if (fields.get(i).isEmpty()) {
        row.putNull(header.get(i));
      } else {
        row.put(header.get(i), fields.get(i));
      }
    }
    return row;
  }

  /** Offsets of the records and the end of the last one. */
  private static long[] scan(Path file) {
    var offsets = new RowOffsets();
    try (InputStream raw = Files.newInputStream(file);
        InputStream in = new BufferedInputStream(raw, 1 << 16)) {
      long at = SourceFiles.skipByteOrderMark(in, file);
      long start = at;
      long line = 1;
      long opened = 0;
      boolean quoted = false;
      boolean blank = true;
      for (int b = in.read(); b >= 0; b = in.read()) {
        at++;
        if (b == '"') {
          quoted = !quoted;
          opened = line;
        }
        line += b == '\n' ? 1 : 0;
        if (b == '\n' && !quoted) {
          if (!blank) {
            offsets.add(start);
          }
          start = at;
          blank = true;
        } else if (b != '\r' && b != '\n') {
          blank = false;
        }
      }
      if (quoted) {
        throw new DataException(
            file
                + ":"
                + opened
                + ": a quoted field is not closed: expected \" before the end of"
                + " the file, got none.");
      }
      if (!blank) {
        offsets.add(start);
      }
      offsets.add(at);
      return offsets.toArray();
    } catch (IOException e) {
      throw SourceFiles.unreadable(file, e);
    }
  }

  static List<String> fields(byte[] bytes) {
    String text = new String(bytes, StandardCharsets.UTF_8);
    int end = text.length();
    while (end > 0 && (text.charAt(end - 1) == '\n' || text.charAt(end - 1) == '\r')) {
      end--;
    }
    var fields = new ArrayList<String>();
    var field = new StringBuilder();
    boolean quoted = false;
    for (int i = 0; i < end; i++) {
      char c = text.charAt(i);
      if (c == '"') {
        if (quoted && i + 1 < end && text.charAt(i + 1) == '"') {
          field.append('"');
          i++;
        } else {
          quoted = !quoted;
        }
      } else if (c == ',' && !quoted) {
        fields.add(field.toString());
        field.setLength(0);
      } else {
        field.append(c);
      }
    }
    fields.add(field.toString());
    return fields;
  }
}
