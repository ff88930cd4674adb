package llmengine.train.checkpoint;

import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.core.util.Separators;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Map;
import java.util.TreeMap;
import llmengine.train.TrainException;

/** JSON files as Python's {@code json.dump(indent=...)} lays them out, written whole or not at all. */
public final class JsonFiles {
  private static final ObjectMapper JSON =
      new ObjectMapper().configure(SerializationFeature.ORDER_MAP_ENTRIES_BY_KEYS, false);

  private JsonFiles() {}

  public static JsonNode read(Path file) {
    try {
      return JSON.readTree(file.toFile());
    } catch (IOException e) {
      throw new TrainException(
          file + ": can't be read: expected a JSON file, got: " + e.getMessage() + ".", e);
    }
  }

  public static void write(Path file, Object value, int indent) throws IOException {
    Separators python =
        Separators.createDefaultInstance()
            .withObjectFieldValueSpacing(Separators.Spacing.AFTER)
            .withObjectEmptySeparator("")
            .withArrayEmptySeparator("");
    DefaultPrettyPrinter printer = new DefaultPrettyPrinter(python);
    DefaultIndenter indenter = new DefaultIndenter(" ".repeat(indent), "\n");
    printer.indentObjectsWith(indenter);
    printer.indentArraysWith(indenter);
    writeText(file, JSON.writer(printer).writeValueAsString(value) + "\n");
  }

  /** Metrics with sorted keys, as the Trainer writes its result files. */
  public static void writeMetrics(Path file, Map<String, Object> metrics) throws IOException {
    write(file, new TreeMap<>(metrics), 4);
  }

  public static void writeText(Path file, String text) throws IOException {
    Path temporary = file.resolveSibling("." + file.getFileName() + ".tmp");
    Files.writeString(temporary, text);
    Files.move(
        temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }

  /** One line of JSON. */
  public static String line(Object value) {
    try {
      return JSON.writeValueAsString(value);
    } catch (com.fasterxml.jackson.core.JsonProcessingException e) {
      throw new IllegalStateException("numbers and texts always have a JSON form", e);
    }
  }
}
