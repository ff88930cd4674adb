package llmengine.serve.chat;

import java.util.Arrays;
import java.util.List;
import llmengine.data.template.tool.ToolFormat;

/** How a model writes tool calls in its answers. */
public enum CallSyntax {
  /** It does not. */
  NONE,
  /** {@code <tool_call>{"name": ..., "arguments": ...}</tool_call>}: Hermes, Qwen, Ling. */
  QWEN("<tool_call>", "</tool_call>"),
  /** An answer that is {@code {"name": ..., "parameters": ...}}, or a list of them. */
  LLAMA3("<|python_tag|>"),
  /** {@code [TOOL_CALLS] [{"name": ..., "arguments": ...}]}, or a name before its arguments. */
  MISTRAL("[TOOL_CALLS]", "[ARGS]"),
  /** JSON lines in one pair of {@code <tool_calls>} tags. */
  MINIMAX1("<tool_calls>", "</tool_calls>"),
  /** An answer that is a name, a line break and arguments. */
  GLM4,
  /** {@code Action: name} and {@code Action Input: arguments}. */
  ACTION,
  /** {@code <function=name>} in {@code <tool_call>}. */
  QWEN3_5("<tool_call>", "</tool_call>"),
  /** {@code <tool_call>name} and {@code <arg_key>}. */
  GLM4_MOE("<tool_call>", "</tool_call>", "<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>"),
  /** {@code <invoke name="...">}. */
  MINIMAX2("<minimax:tool_call>", "</minimax:tool_call>"),
  /** {@code <function=name>} in {@code <seed:tool_call>}. */
  SEED_OSS("<seed:tool_call>", "</seed:tool_call>"),
  /** {@code [name(key=value)]} between two tokens. */
  LFM2("<|tool_call_start|>", "<|tool_call_end|>"),
  /** {@code call:name{key:value}} between two tokens. */
  GEMMA4("<|tool_call>", "<tool_call|>", "<|tool>", "<tool|>", "<|\"|>");

  private final List<String> words;

  CallSyntax(String... words) {
    this.words = List.of(words);
  }

  /** Words of the syntax that may be special tokens: the answer's text must hold them. */
  public List<String> words() {
    return words;
  }

  /** The way that a template's format writes calls. */
  public static CallSyntax of(ToolFormat format) {
    return switch (format.name()) {
      case "default" -> ACTION;
      case "gemma4" -> GEMMA4;
      case "glm4" -> GLM4;
      case "glm4_moe" -> GLM4_MOE;
      case "lfm2" -> LFM2;
      case "ling", "qwen" -> QWEN;
      case "llama3" -> LLAMA3;
      case "minimax1" -> MINIMAX1;
      case "minimax2" -> MINIMAX2;
      case "mistral" -> MISTRAL;
      case "qwen3_5" -> QWEN3_5;
      case "seed_oss" -> SEED_OSS;
      default -> throw new IllegalArgumentException("tool format " + format.name());
    };
  }

  /**
   * The way that a checkpoint's own {@code chat_template} (Jinja) shows calls; {@link #NONE} if it
   * shows none that is known.
   */
  public static CallSyntax detect(String chatTemplate) {
    List<Sign> signs =
        List.of(
            new Sign("<seed:tool_call>", SEED_OSS),
            new Sign("<minimax:tool_call>", MINIMAX2),
            new Sign("<arg_key>", GLM4_MOE),
            new Sign("<function=", QWEN3_5),
            new Sign("<tool_calls>", MINIMAX1),
            new Sign("<tool_call>", QWEN),
            new Sign("[TOOL_CALLS]", MISTRAL),
            new Sign("<|tool_call_start|>", LFM2),
            new Sign("<|tool_call>", GEMMA4),
            new Sign("<|python_tag|>", LLAMA3),
            new Sign("\"parameters\": ", LLAMA3),
            new Sign("Action Input:", ACTION));
    for (Sign sign : signs) {
      if (chatTemplate.contains(sign.text)) {
        return sign.syntax;
      }
    }
    return NONE;
  }

  private record Sign(String text, CallSyntax syntax) {}

  /** Reads an answer's text and calls of these tools. */
  Stage stage(ToolSchemas tools) {
    Stage plain = new ContentStage(List.of());
    return switch (this) {
      case NONE -> plain;
      case QWEN -> json("<tool_call>", "</tool_call>", false);
      case MISTRAL -> {
        Stage content = json("[TOOL_CALLS]", null, true);
        yield new JsonStart("[TOOL_CALLS]", true, tools.names(), content);
      }
      case MINIMAX1 -> json("<tool_calls>", "</tool_calls>", false);
      case LLAMA3 -> new JsonStart("<|python_tag|>", false, tools.names(), plain);
      case GLM4 -> new NameLineStart(tools.names(), plain);
      case ACTION ->
          new ContentStage(List.of(new ContentStage.Opener(ActionCalls.ACTION, ActionCalls::new)));
      case QWEN3_5 -> tags(TagSyntax.QWEN3_5, tools);
      case GLM4_MOE -> tags(TagSyntax.GLM4_MOE, tools);
      case MINIMAX2 -> tags(TagSyntax.MINIMAX2, tools);
      case SEED_OSS -> tags(TagSyntax.SEED_OSS, tools);
      case LFM2 -> scanned(ScannedCalls.LFM2, "<|tool_call_start|>");
      case GEMMA4 -> scanned(ScannedCalls.GEMMA4, "<|tool_call>", "<|tool>");
    };
  }

  private static Stage json(String open, String close, boolean bareNames) {
    return new ContentStage(
        List.of(
            new ContentStage.Opener(
                open, (content, word) -> new JsonCalls(content, word, close, null, bareNames))));
  }

  private static Stage tags(TagSyntax tags, ToolSchemas tools) {
    ContentStage.Opener name =
        new ContentStage.Opener(
            tags.nameOpen(), (content, word) -> new TagCalls(content, word, tags, tools));
    return new ContentStage(
        tags.outerOpen() == null
            ? List.of(name)
            : List.of(
                name,
                new ContentStage.Opener(
                    tags.outerOpen(),
                    (content, word) -> new TagCalls(content, word, tags, tools))));
  }

  private static Stage scanned(ScannedCalls.Syntax syntax, String... words) {
    return new ContentStage(
        Arrays.stream(words)
            .map(
                word ->
                    new ContentStage.Opener(
                        word, (content, read) -> new ScannedCalls(content, read, syntax)))
            .toList());
  }
}
