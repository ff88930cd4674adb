package llmengine.data.source;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.JsonNode;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Stream;
import llmengine.data.DataException;

/**
 * Opens data files by their type: json (array, or one object per line), jsonl, csv, txt, or a
 * folder of one of them.
 */
public final class SourceFiles {
  static final List<String> UNSUPPORTED = List.of(".parquet", ".arrow");

  /**
   * Rows may hold whole books: Jackson's default limit of 20 million characters per string is too
   * small.
   */
  static final JsonFactory JSON =
      JsonFactory.builder()
          .streamReadConstraints(
              StreamReadConstraints.builder().maxStringLength(Integer.MAX_VALUE).build())
          .build();

  private static final Set<String> SUPPORTED = Set.of("json", "jsonl", "csv", "txt");

  private SourceFiles() {}

  /** Rows of a file, or of all files of a folder in the order of their names. */
  public static RowSource open(Path path) {
    List<RowSource> parts = new ArrayList<>();
    try {
      for (Path file : files(path)) {
        parts.add(openFile(file));
      }
    } catch (DataException e) {
      parts.forEach(RowSource::close);
      throw e;
    }
    return parts.size() == 1 ? parts.getFirst() : new Concatenated(parts);
  }

  /** The files that {@link #open} reads, in order. */
  public static List<Path> files(Path path) {
    if (!Files.isDirectory(path)) {
      return List.of(path);
    }
    List<Path> files;
    try (Stream<Path> entries = Files.list(path)) {
      files = entries.filter(Files::isRegularFile).sorted().toList();
    } catch (IOException e) {
      throw unreadable(path, e);
    }
    if (files.isEmpty()) {
      throw new DataException(path + ": expected a folder with data files, got an empty one.");
    }
    var types = new LinkedHashSet<String>();
    files.forEach(file -> types.add(type(file)));
    if (types.size() > 1) {
      throw new DataException(
          path
              + ": expected files of one type, got "
              + String.join(", ", types)
              + ". Move the others away.");
    }
    return files;
  }

  static boolean isDataFile(Path path) {
    return SUPPORTED.contains(type(path)) && Files.isRegularFile(path);
  }

  static DataException unreadable(Path file, IOException e) {
    return new DataException(file + ": can't be read: " + e, e);
  }

  /** Skips a UTF-8 byte order mark at the start of a file; returns how many bytes that were. */
  static int skipByteOrderMark(InputStream in, Path file) throws IOException {
    try (InputStream head = Files.newInputStream(file)) {
      byte[] mark = head.readNBytes(3);
      boolean present =
          mark.length == 3
              && mark[0] == (byte) 0xEF
              && mark[1] == (byte) 0xBB
              && mark[2] == (byte) 0xBF;
      if (present) {
        in.skipNBytes(3);
      }
      return present ? 3 : 0;
    }
  }

  private static RowSource openFile(Path file) {
    String type = type(file);
    return switch (type) {
      case "json" -> startsWithBracket(file) ? JsonRows.open(file) : LineRows.openJson(file);
      case "jsonl" -> LineRows.openJson(file);
      case "csv" -> CsvRows.open(file);
      case "txt" -> LineRows.openText(file);
      case "parquet", "arrow" ->
          throw new DataException(
              file
                  + ": "
                  + type
                  + " is not supported yet: expected json, jsonl, csv or txt, got "
                  + type
                  + ". Convert it, for example to jsonl.");
      default ->
          throw new DataException(
              file
                  + ": unknown file type: expected json, jsonl, csv or txt, got "
                  + (type.isEmpty() ? "no extension" : type)
                  + ".");
    };
  }

  /**
   * Whether the first character that is not white space opens an array. An empty file is an error.
   */
  private static boolean startsWithBracket(Path file) {
    try (InputStream in = new BufferedInputStream(Files.newInputStream(file))) {
      skipByteOrderMark(in, file);
      int b = in.read();
      while (b == ' ' || b == '\n' || b == '\r' || b == '\t') {
        b = in.read();
      }
      if (b < 0) {
        throw new DataException(file + ": empty file: expected rows, got none.");
      }
      return b != '{';
    } catch (IOException e) {
      throw unreadable(file, e);
    }
  }

  private static String type(Path file) {
    String name = file.getFileName() == null ? "" : file.getFileName().toString();
    int dot = name.lastIndexOf('.');
    return dot < 0 ? "" : name.substring(dot + 1).toLowerCase(Locale.ROOT);
  }

  /** Several sources as one. */
  private record Concatenated(List<RowSource> parts) implements RowSource {
    @Override
    public int size() {
      return parts.stream().mapToInt(RowSource::size).reduce(0, Math::addExact);
    }

    @Override
    public JsonNode row(int index) {
      int i = index;
      for (RowSource part : parts) {
        if (i < part.size()) {
          return part.row(i);
        }
        i -= part.size();
      }
      throw new IndexOutOfBoundsException(index);
    }

    @Override
    public String where(int index) {
      int i = index;
      for (RowSource part : parts) {
        if (i < part.size()) {
          return part.where(i);
        }
        i -= part.size();
      }
      throw new IndexOutOfBoundsException(index);
    }

    @Override
    public Set<String> columns() {
      var all = new LinkedHashSet<String>();
      parts.forEach(part -> all.addAll(part.columns()));
      return all;
    }

    @Override
    public void close() {
      parts.forEach(RowSource::close);
    }
  }
}
