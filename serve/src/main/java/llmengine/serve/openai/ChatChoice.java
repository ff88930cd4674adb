package llmengine.serve.openai;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import llmengine.nn.generate.FinishReason;
import llmengine.serve.http.Json;

/**
 * One answer to a chat as a message in the making. Streamed or not, it is made of the same deltas.
 */
final class ChatChoice {
  /**
   * A piece of the message.
   *
   * @param logprobs of its tokens; null if not asked for
   * @param finish why the answer is over; null while it is not
   */
  record Delta(ObjectNode content, ObjectNode logprobs, String finish) {}

  private final boolean tellsLogprobs;
  private final StringBuilder content = new StringBuilder();
  private final ArrayNode logprobs = Json.object().arrayNode();
  private String finish;

  ChatChoice(ChatRequest request) {
    this.tellsLogprobs = request.logprobs() >= 0;
  }

  void add(AnswerEvent.Piece piece) {
    take(piece);
  }

  void finish(AnswerEvent.Finished end) {
    take(end);
  }

  /** What an event adds to the message. */
  List<Delta> take(AnswerEvent event) {
    List<Delta> deltas = new ArrayList<>();
    switch (event) {
      case AnswerEvent.Piece piece -> {
        content.append(piece.text());
        ObjectNode told = null;
        if (tellsLogprobs) {
          told = Json.object();
          ArrayNode list = LogprobJson.chat(piece.logprobs());
          told.set("content", list);
          logprobs.addAll(list);
        }
        deltas.add(new Delta(Json.object().put("content", piece.text()), told, null));
      }
      case AnswerEvent.Finished end -> {
        finish = end.reason() == FinishReason.LENGTH ? "length" : "stop";
        deltas.add(new Delta(Json.object(), null, finish));
      }
      case AnswerEvent.Failed failed -> throw failed.problem();
    }
    return deltas;
  }

  /** The whole answer. */
  ObjectNode json(int index) {
    ObjectNode choice = Json.object().put("index", index);
    choice
        .putObject("message")
        .put("role", "assistant")
        .put("content", content.toString())
        .putNull("refusal");
    if (tellsLogprobs) {
      choice.putObject("logprobs").set("content", logprobs);
    } else {
      choice.putNull("logprobs");
    }
    return choice.put("finish_reason", finish);
  }
}
