package llmengine.serve.chat;

import com.fasterxml.jackson.databind.JsonNode;
import java.security.SecureRandom;
import java.util.List;
import java.util.function.Supplier;

/**
 * Splits an answer, as its text comes, into content, thought and tool calls. The events do not
 * depend on the pieces in which the text comes, but for how text is cut among events of a kind; all
 * text at once gives the answer as a whole.
 *
 * <pre>{@code
 * AnswerParser parser = AnswerParser.of(AnswerFormat.of(template), tools, thoughtIsOpen);
 * for (String piece : pieces) {
 *   parser.add(piece).forEach(this::send);
 * }
 * parser.finish().forEach(this::send);
 * String reason = parser.calls() > 0 ? "tool_calls" : "stop";
 * }</pre>
 *
 * <p>What begins like a call but is none is content. Once a call's name and the start of its
 * arguments are there, it is a call, and what the model writes for arguments is told as it comes,
 * even if it turns out not to be JSON. White space around thoughts and calls is left out. For one
 * thread at a time.
 */
public final class AnswerParser {
  private static final String LETTERS =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  private static final SecureRandom RANDOM = new SecureRandom();

  private final PendingText text = new PendingText();
  private final EventList events;
  private Stage stage;

  private AnswerParser(Stage stage, EventList events) {
    this.stage = stage;
    this.events = events;
  }

  /**
   * A parser for one answer.
   *
   * @param tools the request's tools, a list as the chat API has it; without any (an empty list, or
   *     tool_choice none) no call is looked for
   * @param thoughtIsOpen whether the prompt has opened the thought (see {@link
   *     AnswerFormat#opensThought})
   */
  public static AnswerParser of(AnswerFormat format, JsonNode tools, boolean thoughtIsOpen) {
    return of(format, tools, thoughtIsOpen, AnswerParser::randomId);
  }

  /** As {@link #of(AnswerFormat, JsonNode, boolean)}, with the source of the calls' ids. */
  static AnswerParser of(
      AnswerFormat format, JsonNode tools, boolean thoughtIsOpen, Supplier<String> ids) {
    ToolSchemas schemas = new ToolSchemas(tools);
    CallSyntax calls = schemas.isEmpty() ? CallSyntax.NONE : format.calls();
    Stage answer = calls.stage(schemas);
    Stage start =
        format
            .thought()
            .map(words -> ThoughtStage.of(words.open(), words.close(), thoughtIsOpen, answer))
            .orElse(answer);
    return new AnswerParser(start, new EventList(ids, calls != CallSyntax.NONE));
  }

  /** A call's id. */
  private static String randomId() {
    StringBuilder id = new StringBuilder("call_");
    RANDOM.ints(24, 0, LETTERS.length()).forEach(i -> id.append(LETTERS.charAt(i)));
    return id.toString();
  }

  /** What the next piece of the text tells. */
  public List<ChatEvent> add(String piece) {
    text.add(piece);
    read();
    return events.take();
  }

  /** What was held back, when no text follows. */
  public List<ChatEvent> finish() {
    text.end();
    read();
    events.finish();
    return events.take();
  }

  /** Calls that have begun so far. */
  public int calls() {
    return events.calls();
  }

  private void read() {
    Stage before;
    do {
      before = stage;
      stage = before.read(text, events);
    } while (!stage.equals(before));
  }
}
