package llmengine.serve.openai;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.IntPredicate;
import llmengine.serve.ServedModel;
import llmengine.serve.chat.AnswerParser;
import llmengine.serve.http.ApiException;
import llmengine.serve.http.Endpoint;
import llmengine.serve.http.EventStream;
import llmengine.serve.http.Exchange;
import llmengine.serve.http.Json;

/** POST /v1/chat/completions. */
public final class ChatCompletions implements Endpoint {
  private final ServedModel model;
  private final Work work;

  public ChatCompletions(ServedModel model, Work work) {
    this.model = model;
    this.work = work;
  }

  @Override
  public void answer(Exchange exchange) {
    List<String> known = Models.generating(model);
    ChatRequest request = ChatRequest.read(exchange.body(), model, known);
    GenerationRun.Asked asked =
        new GenerationRun.Asked(
            request.model(),
            request.prompt(),
            "messages",
            request.sampling(),
            request.logprobs(),
            hidden(request),
            request.constraint(),
            request.client());
    List<ChatChoice> choices = new ArrayList<>();
    for (int i = 0; i < request.sampling().choices(); i++) {
      choices.add(choice(request));
    }
    ObjectNode head =
        Json.object()
            .put("id", "chatcmpl-" + UUID.randomUUID().toString().replace("-", ""))
            .put("object", request.stream() ? "chat.completion.chunk" : "chat.completion")
            .put("created", System.currentTimeMillis() / 1000)
            .put("model", request.model());
    try (GenerationRun run = GenerationRun.start(exchange, model, asked, work)) {
      if (request.stream()) {
        stream(exchange, request, run, choices, head);
      } else {
        exchange.send(whole(run, choices, head));
      }
    }
  }

  /** Thoughts are looked for if the model has them, calls if there are tools. */
  private ChatChoice choice(ChatRequest request) {
    ArrayNode tools = request.tools().list();
    boolean parses = !tools.isEmpty() || model.answers().thought().isPresent();
    boolean open = request.thoughtIsOpen();
    return new ChatChoice(
        parses ? Optional.of(AnswerParser.of(model.answers(), tools, open)) : Optional.empty(),
        request.logprobs() >= 0,
        request.tools().parallel());
  }

  /** Ids without text: special tokens, but for those that mark thoughts and calls. */
  private IntPredicate hidden(ChatRequest request) {
    IntPredicate hidden = request.sampling().hidden(model.tokenizer());
    if (request.tools().isEmpty() && model.answers().thought().isEmpty()) {
      return hidden;
    }
    return id -> hidden.test(id) && !model.answers().keeps(model.tokenizer().tokenOf(id));
  }

  private static ObjectNode whole(GenerationRun run, List<ChatChoice> choices, ObjectNode head) {
    while (run.isOpen()) {
      switch (run.next()) {
        case AnswerEvent.Piece piece -> choices.get(piece.choice()).take(piece);
        case AnswerEvent.Finished end -> choices.get(end.choice()).take(end);
        case AnswerEvent.Failed failed -> throw failed.problem();
      }
    }
    ArrayNode list = head.putArray("choices");
    for (int i = 0; i < choices.size(); i++) {
      list.add(choices.get(i).json(i));
    }
    head.set("usage", run.usage().json());
    return head;
  }

  private static void stream(
      Exchange exchange,
      ChatRequest request,
      GenerationRun run,
      List<ChatChoice> choices,
      ObjectNode head) {
    // what goes wrong before the first token is still an answer of its own
    AnswerEvent event = run.next();
    try (EventStream events = exchange.events()) {
      try {
        for (int i = 0; i < choices.size(); i++) {
          ObjectNode first = Json.object().put("role", "assistant").put("content", "");
          events.send(chunk(head, request, i, first, null, null));
        }
        while (true) {
          int choice = choiceOf(event);
          for (ChatChoice.Delta delta : choices.get(choice).take(event)) {
            events.send(
                chunk(head, request, choice, delta.content(), delta.logprobs(), delta.finish()));
          }
          if (!run.isOpen()) {
            break;
          }
          event = run.next();
        }
        if (request.includeUsage()) {
          ObjectNode last = head.deepCopy();
          last.putArray("choices");
          last.set("usage", run.usage().json());
          events.send(last);
        }
        events.done();
      } catch (ApiException late) {
        events.send(late.json());
      }
    }
  }

  private static int choiceOf(AnswerEvent event) {
    return switch (event) {
      case AnswerEvent.Piece piece -> piece.choice();
      case AnswerEvent.Finished end -> end.choice();
      case AnswerEvent.Failed failed -> throw failed.problem();
    };
  }

  private static ObjectNode chunk(
      ObjectNode head,
      ChatRequest request,
      int choice,
      ObjectNode delta,
      ObjectNode logprobs,
      String finish) {
    ObjectNode chunk = head.deepCopy();
    ObjectNode one = chunk.putArray("choices").addObject().put("index", choice);
    one.set("delta", delta);
    one.set("logprobs", logprobs);
    one.put("finish_reason", finish);
    if (request.includeUsage()) {
      chunk.putNull("usage");
    }
    return chunk;
  }
}
