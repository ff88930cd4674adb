package llmengine.engine.file;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import llmengine.engine.FormatException;

/**
 * {@code model.safetensors.index.json}: which shard, a file name in the same directory, holds which
 * tensor. Its {@code metadata.total_size} is informative and not checked on reading (transformers
 * writes different sums for tied weights).
 */
public record SafetensorsIndex(Map<String, String> shardOf) {
  private static final JsonFactory JSON =
      JsonFactory.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();

  /**
   * Reads an index.
   *
   * @throws FormatException if it is not such a file or names a shard outside its directory
   */
  public static SafetensorsIndex read(Path file) {
    Map<String, String> shardOf = null;
    try (JsonParser in = JSON.createParser(file.toFile())) {
      expect(file, in, in.nextToken(), JsonToken.START_OBJECT, "index");
      while (in.nextToken() != JsonToken.END_OBJECT) {
        String key = in.currentName();
        in.nextToken();
        if (key.equals("weight_map")) {
          shardOf = readWeightMap(file, in);
        } else {
          in.skipChildren();
        }
      }
    } catch (IOException e) {
      throw new FormatException(
          file
              + ": not a JSON index: expected an object with weight_map, got "
              + e.getMessage()
              + ". Download or save it again.",
          e);
    }
    if (shardOf == null) {
      throw bad(file, "no weight_map", "an object with weight_map", "none");
    }
    return new SafetensorsIndex(Collections.unmodifiableMap(shardOf));
  }

  private static Map<String, String> readWeightMap(Path file, JsonParser in) throws IOException {
    expect(file, in, in.currentToken(), JsonToken.START_OBJECT, "weight_map");
    Map<String, String> shardOf = new LinkedHashMap<>();
    while (in.nextToken() != JsonToken.END_OBJECT) {
      String name = in.currentName();
      expect(file, in, in.nextToken(), JsonToken.VALUE_STRING, "weight_map " + name);
      String shard = in.getText();
      // an index from the net must not make us read files elsewhere
      if (!shard.endsWith(".safetensors")
          || shard.chars().anyMatch(c -> c == '/' || c == '\\' || c == ':' || c == 0)) {
        throw bad(file, "weight_map " + name + ": bad shard", "a plain .safetensors name", shard);
      }
      shardOf.put(name, shard);
    }
    return shardOf;
  }

  private static void expect(Path file, JsonParser in, JsonToken got, JsonToken want, String what)
      throws IOException {
    if (got != want) {
      throw bad(file, what + ": wrong JSON", want.toString(), got + " " + in.getText());
    }
  }

  private static FormatException bad(Path file, String what, String expected, String got) {
    return new FormatException(
        file
            + ": "
            + what
            + ": expected "
            + expected
            + ", got "
            + got
            + ". Download or save it again.");
  }

  /** The shards' file names, sorted. */
  public List<String> shards() {
    return shardOf.values().stream().distinct().sorted().toList();
  }

  /** The index as JSON, keys sorted, as transformers writes it. */
  byte[] json(long totalSize) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    DefaultPrettyPrinter printer = new DefaultPrettyPrinter();
    printer.indentObjectsWith(new DefaultIndenter("  ", "\n"));
    try (JsonGenerator out = JSON.createGenerator(bytes).setPrettyPrinter(printer)) {
      out.writeStartObject();
      out.writeObjectFieldStart("metadata");
      out.writeNumberField("total_size", totalSize);
      out.writeEndObject();
      out.writeObjectFieldStart("weight_map");
      for (var entry : new TreeMap<>(shardOf).entrySet()) {
        out.writeStringField(entry.getKey(), entry.getValue());
      }
      out.writeEndObject();
      out.writeEndObject();
    } catch (IOException e) {
      throw new FormatException("index: can't be encoded: expected JSON, got " + e, e);
    }
    return bytes.toByteArray();
  }
}
