package llmengine.data.template.tool;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Clock;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import llmengine.data.DataException;

/**
 * How a family of models is told which tools exist and how it writes a call. The wordings are those
 * the models were trained on, under the names LLaMA-Factory (Apache-2.0) gives them.
 */
public sealed interface ToolFormat
    permits DefaultTools,
        Gemma4Tools,
        Glm4Tools,
        Glm4MoeTools,
        Lfm2Tools,
        LingTools,
        Llama3Tools,
        MiniMax1Tools,
        MiniMax2Tools,
        MistralTools,
        QwenTools,
        Qwen35Tools,
        SeedOssTools {

  /** The YAML's name, such as {@code qwen}. */
  String name();

  /**
   * System text that describes {@code tools} (at least one); {@code clock} gives the date if the
   * wording has one.
   */
  String describe(List<Tool> tools, Clock clock);

  /** Text of the model that makes {@code calls} (at least one). */
  String calls(List<FunctionCall> calls);

  /** The format of this name; a {@link DataException} listing the names if there's none. */
  static ToolFormat named(String name) {
    ToolFormat format = All.BY_NAME.get(name);
    if (format == null) {
      throw new DataException(
          "tool_format: unknown name: expected one of "
              + String.join(", ", names())
              + ", got \""
              + name
              + "\".");
    }
    return format;
  }

  static List<String> names() {
    return List.copyOf(All.BY_NAME.keySet());
  }

  /** System text for {@code tools}, a JSON list; empty for an empty list. */
  default String describe(String tools, Clock clock) {
    JsonNode list = PythonJson.parse("tools", tools);
    if (!list.isArray()) {
      throw new DataException(
          "tools: not a list: expected [{\"name\": ..., \"parameters\": ...}], got "
              + list.getNodeType().name().toLowerCase(Locale.ROOT)
              + ". Put the tool into a list.");
    }
    List<Tool> parsed = new ArrayList<>();
    list.forEach(tool -> parsed.add(new Tool(tool)));
    return parsed.isEmpty() ? "" : describe(parsed, clock);
  }

  /** The formats that exist. */
  final class All {
    private static final Map<String, ToolFormat> BY_NAME =
        Stream.of(
                new DefaultTools(),
                new Gemma4Tools(),
                new Glm4Tools(),
                new Glm4MoeTools(),
                new Lfm2Tools(),
                new LingTools(),
                new Llama3Tools(),
                new MiniMax1Tools(),
                new MiniMax2Tools(),
                new MistralTools(),
                new QwenTools(),
                new Qwen35Tools(),
                new SeedOssTools())
            .collect(
                Collectors.toMap(
                    ToolFormat::name, format -> format, (a, b) -> a, LinkedHashMap::new));

    private All() {}
  }
}
