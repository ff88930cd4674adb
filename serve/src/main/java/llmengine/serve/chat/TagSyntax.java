package llmengine.serve.chat;

import java.util.List;

/**
 * A way to write calls with a tag for each argument.
 *
 * @param outerOpen word around one or several calls; null for none
 * @param outerClose null for none
 * @param nameOpen what stands before a function's name
 * @param nameEnds any of which ends the name; a {@code <} only ends it
 * @param keyOpen before an argument's name
 * @param keyClose after it
 * @param valueOpen before its value; null if the value follows at once
 * @param valueClose after it
 * @param callClose at the end of a call
 * @param trimsLines whether a line break after the key and before the value's end belong to the
 *     tags
 */
record TagSyntax(
    String outerOpen,
    String outerClose,
    String nameOpen,
    List<String> nameEnds,
    String keyOpen,
    String keyClose,
    String valueOpen,
    String valueClose,
    String callClose,
    boolean trimsLines) {

  static final TagSyntax QWEN3_5 =
      new TagSyntax(
          "<tool_call>",
          "</tool_call>",
          "<function=",
          List.of(">"),
          "<parameter=",
          ">",
          null,
          "</parameter>",
          "</function>",
          true);

  /** The name's tag may stay open, as in LLaMA-Factory. */
  static final TagSyntax SEED_OSS =
      new TagSyntax(
          "<seed:tool_call>",
          "</seed:tool_call>",
          "<function=",
          List.of(">", "\n", "<"),
          "<parameter=",
          ">",
          null,
          "</parameter>",
          "</function>",
          false);

  static final TagSyntax MINIMAX2 =
      new TagSyntax(
          "<minimax:tool_call>",
          "</minimax:tool_call>",
          "<invoke name=\"",
          List.of("\">"),
          "<parameter name=\"",
          "\">",
          null,
          "</parameter>",
          "</invoke>",
          false);

  static final TagSyntax GLM4_MOE =
      new TagSyntax(
          null,
          null,
          "<tool_call>",
          List.of("\n", "<"),
          "<arg_key>",
          "</arg_key>",
          "<arg_value>",
          "</arg_value>",
          "</tool_call>",
          false);
}
