package llmengine.data.template;

import java.util.List;

/**
 * A message of a chat request.
 *
 * @param role {@code system}, {@code user}, {@code assistant}, {@code tool}, or another that the
 *     checkpoint's own template knows
 * @param content text; null if there is none beside tool calls
 * @param reasoning the thought in front of an assistant's content; null if there is none
 * @param toolCalls calls that an assistant made; empty for none
 * @param toolCallId the call that a tool's message answers; null if not told
 * @param name of the tool that answers, or of who speaks; null if not told
 */
public record ChatMessage(
    String role,
    String content,
    String reasoning,
    List<ToolCall> toolCalls,
    String toolCallId,
    String name) {
  public ChatMessage {
    toolCalls = List.copyOf(toolCalls);
  }

  /** A message that is text alone. */
  public static ChatMessage of(String role, String content) {
    return new ChatMessage(role, content, null, List.of(), null, null);
  }

  /** An assistant's message with a thought and calls; each may be absent: null, null, empty. */
  public static ChatMessage assistant(String content, String reasoning, List<ToolCall> toolCalls) {
    return new ChatMessage("assistant", content, reasoning, toolCalls, null, null);
  }

  /** What a tool answered. */
  public static ChatMessage tool(String content, String toolCallId, String name) {
    return new ChatMessage("tool", content, null, List.of(), toolCallId, name);
  }
}
