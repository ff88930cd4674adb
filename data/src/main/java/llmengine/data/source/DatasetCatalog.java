package llmengine.data.source;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import llmengine.data.DataException;

/**
 * The datasets of a folder with a dataset_info.json (LLaMA-Factory's format). A name that is a path
 * to an existing data file is taken as that file with the default columns, so that a single file
 * needs no entry.
 */
public final class DatasetCatalog {
  private static final Set<String> KEYS =
      Set.of(
          "file_name",
          "formatting",
          "columns",
          "tags",
          "ranking",
          "subset",
          "split",
          "folder",
          "num_samples",
          "hf_hub_url",
          "ms_hub_url",
          "om_hub_url",
          "script_url",
          "cloud_file_name");
  private static final List<String> REMOTE =
      List.of("hf_hub_url", "ms_hub_url", "om_hub_url", "script_url", "cloud_file_name");
  private static final Set<String> COLUMNS =
      Set.of(
          "prompt",
          "query",
          "response",
          "history",
          "messages",
          "system",
          "tools",
          "images",
          "videos",
          "audios",
          "chosen",
          "rejected",
          "kto_tag");
  private static final Set<String> TAGS =
      Set.of(
          "role_tag",
          "content_tag",
          "user_tag",
          "assistant_tag",
          "observation_tag",
          "function_tag",
          "system_tag");

  private final Path folder;
  private final Path file;
  private final JsonNode info; // null when the folder has no dataset_info.json

  private DatasetCatalog(Path folder, Path file, JsonNode info) {
    this.folder = folder;
    this.file = file;
    this.info = info;
  }

  /**
   * Reads {@code folder/dataset_info.json} if there is one; a malformed one is an error with its
   * line.
   */
  public static DatasetCatalog open(Path folder) {
    Path file = folder.resolve("dataset_info.json");
    if (!Files.isRegularFile(file)) {
      return new DatasetCatalog(folder, file, null);
    }
    try {
      JsonNode info = new ObjectMapper().readTree(file.toFile());
      if (!info.isObject()) {
        throw new DataException(file + ": expected an object of datasets, got " + kind(info));
      }
      return new DatasetCatalog(folder, file, info);
    } catch (JsonProcessingException e) {
      throw new DataException(
          file + ":" + e.getLocation().getLineNr() + ": malformed JSON: " + e.getOriginalMessage());
    } catch (IOException e) {
      throw new DataException(file + ": can't be read: " + e.getMessage(), e);
    }
  }

  /** The dataset of this name; an unknown name is an error that lists the nearest known ones. */
  public DatasetSpec find(String name) {
    JsonNode entry = info == null ? null : info.get(name);
    if (entry == null) {
      for (Path path : List.of(folder.resolve(name), Path.of(name))) {
        if (SourceFiles.isDataFile(path)) {
          return new DatasetSpec(
              name, path, Formatting.ALPACA, false, 0, Columns.DEFAULT, false, Tags.DEFAULT);
        }
      }
      throw unknown(name);
    }
    String where = file + ": dataset \"" + name + "\"";
    if (!entry.isObject()) {
      throw new DataException(where + ": expected an object, got " + kind(entry) + ".");
    }
    checkKeys(where, entry, KEYS);
    JsonNode columns = object(where, entry, "columns", COLUMNS);
    JsonNode tags = object(where, entry, "tags", TAGS);
    return new DatasetSpec(
        name,
        path(where, entry),
        formatting(where, entry),
        bool(where, entry, "ranking"),
        numSamples(where, entry),
        Columns.parse(columns),
        columns != null,
        Tags.parse(tags));
  }

  private Path path(String where, JsonNode entry) {
    for (String key : REMOTE) {
      if (entry.hasNonNull(key)) {
        throw new DataException(
            where
                + ": "
                + key
                + " is not supported yet: expected file_name, got "
                + key
                + ": "
                + entry.get(key).asText()
                + ". Download the data and put a local file (json, jsonl, csv, txt) in its place.");
      }
    }
    if (!entry.path("file_name").isTextual()) {
      throw new DataException(
          where
              + ": no source: expected file_name, got "
              + (entry.has("file_name") ? kind(entry.get("file_name")) : "none")
              + ".");
    }
    for (String key : List.of("subset", "folder")) {
      if (entry.hasNonNull(key)) {
        throw new DataException(
            where
                + ": "
                + key
                + " selects a part of a hub dataset: expected none beside file_name,"
                + " got "
                + entry.get(key).asText()
                + ". Remove it.");
      }
    }
    // a local file is one split called train
    if (entry.hasNonNull("split") && !entry.get("split").asText().equals("train")) {
      throw new DataException(
          where
              + ": split: expected train for a local file, got "
              + entry.get("split").asText()
              + ". Remove it.");
    }
    Path path = folder.resolve(entry.get("file_name").asText());
    if (!Files.exists(path)) {
      throw new DataException(
          where + ": file_name: expected an existing file or folder, got " + path + ".");
    }
    return path;
  }

  private static Formatting formatting(String where, JsonNode entry) {
    String name = entry.path("formatting").asText("alpaca");
    return switch (name) {
      case "alpaca" -> Formatting.ALPACA;
      case "sharegpt" -> Formatting.SHAREGPT;
      case "openai" -> Formatting.OPENAI;
      default ->
          throw new DataException(
              where + ": formatting: expected alpaca, sharegpt or openai, got " + name + ".");
    };
  }

  private static int numSamples(String where, JsonNode entry) {
    JsonNode value = entry.get("num_samples");
    if (value == null || value.isNull()) {
      return 0;
    }
    if (!value.canConvertToInt() || value.asInt() < 1) {
      throw new DataException(
          where + ": num_samples: expected a number of rows >= 1, got " + value + ".");
    }
    return value.asInt();
  }

  private static boolean bool(String where, JsonNode entry, String key) {
    JsonNode value = entry.get(key);
    if (value == null || value.isNull()) {
      return false;
    }
    if (!value.isBoolean()) {
      throw new DataException(where + ": " + key + ": expected true or false, got " + value + ".");
    }
    return value.asBoolean();
  }

  private static JsonNode object(String where, JsonNode entry, String key, Set<String> known) {
    JsonNode value = entry.get(key);
    if (value == null || value.isNull()) {
      return null;
    }
    if (!value.isObject()) {
      throw new DataException(where + ": " + key + ": expected an object, got " + value + ".");
    }
    checkKeys(where + ": " + key, value, known);
    return value;
  }

  private static void checkKeys(String where, JsonNode object, Set<String> known) {
    for (var names = object.fieldNames(); names.hasNext(); ) {
      String name = names.next();
      if (!known.contains(name)) {
        throw new DataException(
            where
                + ": unknown key: expected one of "
                + known.stream().sorted().toList()
                + ", got "
                + name
                + ". Did you mean "
                + nearest(name, known).getFirst()
                + "?");
      }
    }
  }

  private DataException unknown(String name) {
    String tail =
        SourceFiles.UNSUPPORTED.stream().anyMatch(name::endsWith)
            ? " Parquet and arrow files are not supported yet: convert to jsonl."
            : "";
    if (info == null) {
      return new DataException(
          folder
              + ": dataset \""
              + name
              + "\" not found: expected dataset_info.json in this"
              + " folder (dataset_dir) or the path of a data file, got neither."
              + tail);
    }
    var names = new ArrayList<String>();
    info.fieldNames().forEachRemaining(names::add);
    return new DataException(
        file
            + ": unknown dataset: expected one of its "
            + names.size()
            + " names or the path of a data file, got \""
            + name
            + "\". Nearest names: "
            + String.join(", ", nearest(name, names))
            + "."
            + tail);
  }

  private static List<String> nearest(String name, Iterable<String> known) {
    var sorted = new ArrayList<String>();
    known.forEach(sorted::add);
    sorted.sort(
        Comparator.comparingInt((String k) -> distance(name, k))
            .thenComparing(Comparator.naturalOrder()));
    return List.copyOf(sorted.subList(0, Math.min(3, sorted.size())));
  }

  /** Levenshtein distance without regard to case. */
  private static int distance(String a, String b) {
    String x = a.toLowerCase(Locale.ROOT);
    String y = b.toLowerCase(Locale.ROOT);
    int[] row = new int[y.length() + 1];
    for (int j = 0; j <= y.length(); j++) {
      row[j] = j;
    }
    for (int i = 1; i <= x.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j <= y.length(); j++) {
        int replaced = diagonal + (x.charAt(i - 1) == y.charAt(j - 1) ? 0 : 1);
        diagonal = row[j];
        row[j] = Math.min(replaced, Math.min(row[j], row[j - 1]) + 1);
      }
    }
    return row[y.length()];
  }

  private static String kind(JsonNode node) {
    return node.getNodeType().name().toLowerCase(Locale.ROOT);
  }
}
