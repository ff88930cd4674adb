package llmengine.train.config;

import java.io.IOException;
import java.io.Reader;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.yaml.snakeyaml.DumperOptions;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.error.MarkedYAMLException;
import org.yaml.snakeyaml.error.YAMLException;
import org.yaml.snakeyaml.nodes.MappingNode;
import org.yaml.snakeyaml.nodes.Node;
import org.yaml.snakeyaml.nodes.NodeTuple;
import org.yaml.snakeyaml.nodes.ScalarNode;
import org.yaml.snakeyaml.nodes.SequenceNode;
import org.yaml.snakeyaml.reader.UnicodeReader;

/** Reads a YAML file into settings. Scalars stay text: what they mean is for their keys to say. */
final class YamlFile {

  private static final int DEEPEST = 20;

  private YamlFile() {}

  /** The settings of a file in its order; what cannot be read is added to {@code problems}. */
  static Map<String, Setting> read(Path file, List<String> problems) throws IOException {
    Map<String, Setting> settings = new LinkedHashMap<>();
    try (Reader reader = new UnicodeReader(Files.newInputStream(file))) { // skips a BOM
      Node root = compose(reader);
      if (root instanceof MappingNode mapping) {
        for (NodeTuple entry : mapping.getValue()) {
          String where = file + ":" + line(entry.getKeyNode());
          String key = key(entry);
          Setting given = new Setting(key, value(entry.getValueNode(), 0), where);
          Setting earlier = settings.putIfAbsent(key, given);
          if (earlier != null) {
            problems.add(twice(where, key, earlier.where()));
          }
        }
      } else if (root != null && !(root instanceof ScalarNode s && s.getValue().isEmpty())) {
        problems.add(
            file
                + ":"
                + line(root)
                + ": not a configuration: expected lines \"key: value\", got a "
                + (root instanceof SequenceNode ? "list" : "text")
                + ". Write key: value lines.");
      }
    } catch (MarkedYAMLException e) {
      int line = e.getProblemMark() == null ? 1 : e.getProblemMark().getLine() + 1;
      problems.add(
          file
              + ":"
              + line
              + ": malformed YAML: expected \"key: value\" lines, got "
              + oneLine(e)
              + ". Correct the line.");
    } catch (YAMLException e) {
      if (e.getCause() instanceof IOException io) {
        throw io;
      }
      problems.add(
          file
              + ": malformed YAML: expected printable text, got "
              + oneLine(e)
              + ". Correct the file.");
    }
    return settings;
  }

  /** The value that a text in YAML's flow style (of which JSON is a part) holds. */
  static Value inline(String text) {
    try {
      Node node = compose(new StringReader(text));
      return node == null ? new Value.Scalar("", false) : value(node, 0);
    } catch (YAMLException e) {
      return new Value.Scalar(text, true);
    }
  }

  static String twice(String where, String key, String earlier) {
    return where
        + " "
        + key
        + ": given twice: expected one value, got another at "
        + earlier
        + ". Remove one of them.";
  }

  private static Node compose(Reader reader) {
    return new Yaml(new LoaderOptions()).compose(reader);
  }

  private static Value value(Node node, int depth) {
    if (depth > DEEPEST) {
      throw new YAMLException("more than " + DEEPEST + " levels");
    }
    return switch (node) {
      case ScalarNode scalar ->
          new Value.Scalar(
              scalar.getValue(), scalar.getScalarStyle() != DumperOptions.ScalarStyle.PLAIN);
      case SequenceNode sequence -> {
        List<Value> items = new ArrayList<>();
        for (Node item : sequence.getValue()) {
          items.add(value(item, depth + 1));
        }
        yield new Value.Sequence(items);
      }
      case MappingNode mapping -> {
        LinkedHashMap<String, Value> entries = new LinkedHashMap<>();
        for (NodeTuple entry : mapping.getValue()) {
          Value value = value(entry.getValueNode(), depth + 1);
          if (entries.putIfAbsent(key(entry), value) != null) {
            throw new YAMLException(
                key(entry) + " twice in one mapping at line " + line(entry.getKeyNode()));
          }
        }
        yield new Value.Mapping(entries);
      }
      default -> throw new YAMLException("an unresolved alias at line " + line(node));
    };
  }

  private static String key(NodeTuple entry) {
    if (entry.getKeyNode() instanceof ScalarNode scalar) {
      return scalar.getValue();
    }
    throw new YAMLException("a key that is no word at line " + line(entry.getKeyNode()));
  }

  private static int line(Node node) {
    return node.getStartMark().getLine() + 1;
  }

  private static String oneLine(YAMLException e) {
    String message = e instanceof MarkedYAMLException m ? m.getProblem() : e.getMessage();
    return message == null ? "something else" : message.lines().findFirst().orElse("").strip();
  }
}
