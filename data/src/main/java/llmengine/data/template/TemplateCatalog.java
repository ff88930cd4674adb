package llmengine.data.template;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import llmengine.data.DataException;

/** The definitions in the resource {@code templates.json}, read once. */
final class TemplateCatalog {
  private static final JsonNode DEFINITIONS = read();

  private TemplateCatalog() {}

  static List<String> names() {
    List<String> names = new ArrayList<>();
    DEFINITIONS.fieldNames().forEachRemaining(names::add);
    return List.copyOf(names);
  }

  static TemplateDefinition named(String name) {
    JsonNode json = DEFINITIONS.get(name);
    if (json == null) {
      throw new DataException(
          "template: unknown name: expected one of "
              + names().size()
              + " templates, got \""
              + name
              + "\". Nearest names: "
              + String.join(", ", nearest(name))
              + ".");
    }
    return TemplateDefinition.of(name, json);
  }

  private static List<String> nearest(String name) {
    return names().stream()
        .sorted(Comparator.comparingInt(known -> distance(name, known)))
        .limit(4)
        .toList();
  }

  /**
   * Levenshtein distance, where adding a letter costs less than changing one: "qwen4" is nearer to
   * "qwen" than "yuan".
   */
  private static int distance(String from, String to) {
    int[] row = new int[to.length() + 1];
    for (int j = 0; j < row.length; j++) {
      row[j] = 2 * j;
    }
    for (int i = 1; i <= from.length(); i++) {
      int diagonal = row[0];
      row[0] = 2 * i;
      for (int j = 1; j < row.length; j++) {
        int above = row[j];
        int change = from.charAt(i - 1) == to.charAt(j - 1) ? 0 : 3;
        row[j] = Math.min(diagonal + change, Math.min(above, row[j - 1]) + 2);
        diagonal = above;
      }
    }
    return row[to.length()];
  }

  private static JsonNode read() {
    try (InputStream in = TemplateCatalog.class.getResourceAsStream("templates.json")) {
      var json = (ObjectNode) new ObjectMapper().readTree(in);
      json.remove("about");
      return json;
    } catch (IOException e) {
      throw new UncheckedIOException("templates.json can't be read from the jar", e);
    }
  }
}
