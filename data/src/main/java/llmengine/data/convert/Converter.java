package llmengine.data.convert;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import llmengine.data.AlignedRow;
import llmengine.data.DataException;
import llmengine.data.Message;
import llmengine.data.Role;
import llmengine.data.source.DatasetSpec;
import llmengine.data.source.Formatting;
import llmengine.data.template.tool.PythonJson;

/**
 * Brings a raw row to the shape of {@link AlignedRow}. A conversation whose roles are out of order
 * gives a row with empty prompt and response, which the processors drop and count; a value of an
 * impossible type is an error. Stateless.
 */
public interface Converter {
  /** The aligned row; messages of errors leave the place (file and line) to the caller. */
  AlignedRow convert(JsonNode row);

  static Converter of(DatasetSpec spec) {
    return switch (spec.formatting()) {
      case ALPACA -> new AlpacaConverter(spec);
      case SHAREGPT -> new ShareGptConverter(spec);
      case OPENAI -> new OpenAiConverter(spec);
    };
  }

  /**
   * Checks that the columns a dataset declares exist in its file. Of the defaults, {@code input}
   * may be missing, and {@code output} unless {@code answers} are needed.
   *
   * @throws DataException naming the missing column
   */
  static void checkColumns(DatasetSpec spec, Set<String> present, boolean answers) {
    var c = spec.columns();
    var required = new ArrayList<String[]>();
    if (spec.formatting() == Formatting.ALPACA) {
      required.add(new String[] {"prompt", c.prompt()});
      if (spec.columnsGiven() || answers) {
        required.add(new String[] {"response", c.response()});
      }
      if (spec.columnsGiven()) {
        required.add(new String[] {"query", c.query()});
      }
      required.add(new String[] {"history", c.history()});
    } else {
      if (c.messages() == null) {
        throw new DataException(
            "dataset \""
                + spec.name()
                + "\": columns: expected messages to name the column with"
                + " the conversation, got none. Add it in dataset_info.json.");
      }
      required.add(new String[] {"messages", c.messages()});
    }
    required.add(new String[] {"system", c.system()});
    required.add(new String[] {"tools", c.tools()});
    required.add(new String[] {"chosen", c.chosen()});
    required.add(new String[] {"rejected", c.rejected()});
    required.add(new String[] {"kto_tag", c.ktoTag()});
    for (String[] column : required) {
      if (column[1] != null && !present.contains(column[1])) {
        throw new DataException(
            spec.path()
                + ": missing column: dataset \""
                + spec.name()
                + "\" expected \""
                + column[1]
                + "\" ("
                + column[0]
                + "), got "
                + present.stream().sorted().toList()
                + ". Set \"columns\" of this dataset in dataset_info.json, for example {\""
                + column[0]
                + "\": \""
                + present.stream().sorted().findFirst().orElse("text")
                + "\"}.");
      }
    }
    for (String media : new String[] {c.images(), c.videos(), c.audios()}) {
      if (media != null) {
        throw new DataException(
            "dataset \""
                + spec.name()
                + "\": images, videos and audios are not supported yet:"
                + " expected text columns only, got \""
                + media
                + "\".");
      }
    }
  }

  /** A conversation that can't be used. */
  static AlignedRow broken(String system, String tools) {
    return new AlignedRow(List.of(), List.of(), system, tools);
  }

  /**
   * {@link AlignedRow} of a conversation whose last message answers, with KTO's empty partner if
   * there is a label.
   */
  static AlignedRow answered(List<Message> messages, Boolean ktoTag, String system, String tools) {
    List<Message> prompt = List.copyOf(messages.subList(0, messages.size() - 1));
    Message answer = messages.getLast();
    return new AlignedRow(prompt, responses(answer, ktoTag), system, tools);
  }

  static List<Message> responses(Message answer, Boolean ktoTag) {
    if (ktoTag == null) {
      return List.of(answer);
    }
    Message none = new Message(Role.ASSISTANT, "");
    return ktoTag ? List.of(answer, none) : List.of(none, answer);
  }

  /** The boolean in column {@code name}, or null when there is none. */
  static Boolean flag(JsonNode row, String name) {
    JsonNode value = name == null ? null : row.get(name);
    return value != null && value.isBoolean() ? value.asBoolean() : null;
  }

  /** Text of column {@code name}; empty if there is no such column or value. */
  static String text(JsonNode row, String name) {
    JsonNode value = name == null ? null : row.get(name);
    if (value == null || value.isNull()) {
      return "";
    }
    if (!value.isTextual()) {
      throw new DataException(
          "column \""
              + name
              + "\": expected text, got "
              + value.getNodeType().name().toLowerCase(Locale.ROOT)
              + ".");
    }
    return value.asText();
  }

  /**
   * Tools as the text of a JSON list; a list or object in the row is written out as Python's
   * json.dumps does.
   */
  static String tools(JsonNode row, String name) {
    JsonNode value = name == null ? null : row.get(name);
    if (value == null || value.isNull() || (value.isContainerNode() && value.isEmpty())) {
      return "";
    }
    return value.isTextual() ? value.asText() : PythonJson.write(value);
  }
}
