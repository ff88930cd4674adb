package llmengine.serve.openai;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import llmengine.nn.generate.FinishReason;
import llmengine.serve.chat.AnswerParser;
import llmengine.serve.chat.ChatEvent;
import llmengine.serve.http.Json;

/**
 * One answer to a chat as a message in the making. Streamed or not, it is made of the same deltas.
 */
final class ChatChoice {
  /**
   * A piece of the message.
   *
   * @param logprobs of its tokens; null if there are none to tell
   * @param finish why the answer is over; null while it is not
   */
  record Delta(ObjectNode content, ObjectNode logprobs, String finish) {}

  /** A tool call in the making. */
  private record Call(String id, String name, StringBuilder arguments) {}

  private final boolean tellsLogprobs;
  private final boolean parallel;
  private final Optional<AnswerParser> parser;
  private final StringBuilder content = new StringBuilder();
  private final StringBuilder reasoning = new StringBuilder();
  private final List<Call> calls = new ArrayList<>();
  private final ArrayNode logprobs = Json.object().arrayNode();
  private ArrayNode untold = Json.object().arrayNode(); // of text that the parser holds back
  private String finish;

  /**
   * @param parser finds thoughts and calls; empty if all text is content
   * @param tellsLogprobs with the tokens of the whole text, thoughts and calls included
   * @param parallel whether there may be several calls; else only the first is told
   */
  ChatChoice(Optional<AnswerParser> parser, boolean tellsLogprobs, boolean parallel) {
    this.parser = parser;
    this.tellsLogprobs = tellsLogprobs;
    this.parallel = parallel;
  }

  /** What an event adds to the message. */
  List<Delta> take(AnswerEvent event) {
    List<Delta> deltas = new ArrayList<>();
    switch (event) {
      case AnswerEvent.Piece piece -> {
        untold.addAll(LogprobJson.chat(piece.logprobs()));
        tell(events(piece.text()), deltas);
      }
      case AnswerEvent.Finished end -> {
        tell(parser.map(AnswerParser::finish).orElse(List.of()), deltas);
        finish =
            end.reason() == FinishReason.LENGTH
                ? "length"
                : calls.isEmpty() ? "stop" : "tool_calls";
        deltas.add(new Delta(Json.object(), told(), finish));
      }
      case AnswerEvent.Failed failed -> throw failed.problem();
    }
    return deltas;
  }

  private List<ChatEvent> events(String text) {
    return parser
        .map(p -> p.add(text))
        .orElseGet(() -> text.isEmpty() ? List.of() : List.of(new ChatEvent.Content(text)));
  }

  private void tell(List<ChatEvent> events, List<Delta> deltas) {
    for (ChatEvent event : events) {
      ObjectNode delta = delta(event);
      if (delta != null) {
        deltas.add(new Delta(delta, told(), null));
      }
    }
  }

  /** The log-probabilities that were not told yet; null if there are none. */
  private ObjectNode told() {
    if (!tellsLogprobs || untold.isEmpty()) {
      return null;
    }
    logprobs.addAll(untold);
    ObjectNode told = Json.object();
    told.set("content", untold);
    untold = Json.object().arrayNode();
    return told;
  }

  /** The event in OpenAI's form; null if it has none. */
  private ObjectNode delta(ChatEvent event) {
    return switch (event) {
      case ChatEvent.Content(String text) -> {
        content.append(text);
        yield Json.object().put("content", text);
      }
      case ChatEvent.Reasoning(String text) -> {
        reasoning.append(text);
        yield Json.object().put("reasoning_content", text);
      }
      case ChatEvent.CallBegin(int index, String id, String name) -> {
        if (index > 0 && !parallel) {
          yield null;
        }
        calls.add(new Call(id, name, new StringBuilder()));
        ObjectNode delta = Json.object();
        ObjectNode call = delta.putArray("tool_calls").addObject().put("index", index);
        call.put("id", id).put("type", "function");
        call.putObject("function").put("name", name).put("arguments", "");
        yield delta;
      }
      case ChatEvent.CallArguments(int index, String text) -> {
        if (index > 0 && !parallel) {
          yield null;
        }
        calls.get(index).arguments.append(text);
        ObjectNode delta = Json.object();
        ObjectNode call = delta.putArray("tool_calls").addObject().put("index", index);
        call.putObject("function").put("arguments", text);
        yield delta;
      }
      case ChatEvent.CallEnd end -> null;
    };
  }

  /** The whole answer. */
  ObjectNode json(int index) {
    ObjectNode choice = Json.object().put("index", index);
    ObjectNode message = choice.putObject("message").put("role", "assistant");
    if (content.isEmpty() && !calls.isEmpty()) {
      message.putNull("content");
    } else {
      message.put("content", content.toString());
    }
    message.putNull("refusal");
    if (!reasoning.isEmpty()) {
      message.put("reasoning_content", reasoning.toString());
    }
    if (!calls.isEmpty()) {
      ArrayNode list = message.putArray("tool_calls");
      for (Call call : calls) {
        ObjectNode one = list.addObject().put("id", call.id).put("type", "function");
        one.putObject("function")
            .put("name", call.name)
            .put("arguments", call.arguments.toString());
      }
    }
    if (tellsLogprobs) {
      choice.putObject("logprobs").set("content", logprobs);
    } else {
      choice.putNull("logprobs");
    }
    return choice.put("finish_reason", finish);
  }
}
