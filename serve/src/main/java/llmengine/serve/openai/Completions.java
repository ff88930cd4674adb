package llmengine.serve.openai;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.UUID;
import llmengine.nn.generate.FinishReason;
import llmengine.nn.generate.TokenConstraint;
import llmengine.serve.ServedModel;
import llmengine.serve.http.ApiException;
import llmengine.serve.http.Endpoint;
import llmengine.serve.http.EventStream;
import llmengine.serve.http.Exchange;
import llmengine.serve.http.Fields;
import llmengine.serve.http.Json;

/** POST /v1/completions: texts go on as they are, without a template. */
public final class Completions implements Endpoint {
  private static final int MOST_LOGPROBS = 20;

  private record Request(
      String model,
      List<int[]> prompts,
      SamplingFields sampling,
      int logprobs,
      boolean stream,
      boolean includeUsage,
      Optional<TokenConstraint> constraint,
      String client) {}

  private final ServedModel model;
  private final Work work;

  public Completions(ServedModel model, Work work) {
    this.model = model;
    this.work = work;
  }

  @Override
  public void answer(Exchange exchange) {
    Request request = read(exchange.body(), Models.generating(model));
    List<GenerationRun> runs = new ArrayList<>();
    try {
      for (int[] prompt : request.prompts) {
        GenerationRun.Asked asked =
            new GenerationRun.Asked(
                request.model,
                prompt,
                "prompt",
                request.sampling,
                request.logprobs,
                request.sampling.hidden(model.tokenizer()),
                request.constraint,
                request.client);
        runs.add(GenerationRun.start(exchange, model, asked, work));
      }
      ObjectNode head =
          Json.object()
              .put("id", "cmpl-" + UUID.randomUUID().toString().replace("-", ""))
              .put("object", "text_completion")
              .put("created", System.currentTimeMillis() / 1000)
              .put("model", request.model);
      if (request.stream) {
        stream(exchange, request, runs, head);
      } else {
        exchange.send(whole(request, runs, head));
      }
    } finally {
      runs.forEach(GenerationRun::close);
    }
  }

  private Request read(Fields f, List<String> known) {
    String name = SamplingFields.model(f, model, known);
    List<int[]> prompts = Prompts.read(f, "prompt", model.tokenizer());
    OptionalInt maxTokens = f.integer("max_tokens", 1, Integer.MAX_VALUE);
    SamplingFields sampling = SamplingFields.read(f, model, maxTokens);
    boolean stream = f.flag("stream").orElse(false);
    Request request =
        new Request(
            name,
            prompts,
            sampling,
            f.integer("logprobs", 0, MOST_LOGPROBS).orElse(-1),
            stream,
            ChatRequest.streamOptions(f, stream),
            ConstraintFields.read(f, model.grammars()),
            f.text("user").orElse(""));
    f.unsupported("echo", "false");
    f.unsupported("suffix", "\"\"");
    f.unsupported("best_of", "1");
    f.end();
    return request;
  }

  private static ObjectNode whole(Request request, List<GenerationRun> runs, ObjectNode head) {
    ArrayNode list = head.putArray("choices");
    for (int r = 0; r < runs.size(); r++) {
      GenerationRun run = runs.get(r);
      int n = request.sampling.choices();
      StringBuilder[] texts = new StringBuilder[n];
      List<List<TokenLogprob>> logprobs = new ArrayList<>();
      String[] reasons = new String[n];
      for (int i = 0; i < n; i++) {
        texts[i] = new StringBuilder();
        logprobs.add(new ArrayList<>());
      }
      while (run.isOpen()) {
        switch (run.next()) {
          case AnswerEvent.Piece piece -> {
            texts[piece.choice()].append(piece.text());
            logprobs.get(piece.choice()).addAll(piece.logprobs());
          }
          case AnswerEvent.Finished end -> reasons[end.choice()] = reason(end);
          case AnswerEvent.Failed failed -> throw failed.problem();
        }
      }
      for (int i = 0; i < n; i++) {
        ObjectNode told = request.logprobs < 0 ? null : LogprobJson.text(logprobs.get(i));
        list.add(choice(r * n + i, texts[i].toString(), told, reasons[i]));
      }
    }
    head.set("usage", usage(runs).json());
    return head;
  }

  private static void stream(
      Exchange exchange, Request request, List<GenerationRun> runs, ObjectNode head) {
    AnswerEvent event = runs.getFirst().next();
    try (EventStream events = exchange.events()) {
      try {
        for (int r = 0; r < runs.size(); r++) {
          event = r == 0 ? event : runs.get(r).next();
          int first = r * request.sampling.choices();
          while (true) {
            events.send(chunk(head, request, choice(event, first, request)));
            if (!runs.get(r).isOpen()) {
              break;
            }
            event = runs.get(r).next();
          }
        }
        if (request.includeUsage) {
          ObjectNode last = head.deepCopy();
          last.putArray("choices");
          last.set("usage", usage(runs).json());
          events.send(last);
        }
        events.done();
      } catch (ApiException late) {
        events.send(late.json());
      }
    }
  }

  private static ObjectNode choice(AnswerEvent event, int first, Request request) {
    return switch (event) {
      case AnswerEvent.Piece piece ->
          choice(
              first + piece.choice(),
              piece.text(),
              request.logprobs < 0 ? null : LogprobJson.text(piece.logprobs()),
              null);
      case AnswerEvent.Finished end -> choice(first + end.choice(), "", null, reason(end));
      case AnswerEvent.Failed failed -> throw failed.problem();
    };
  }

  private static ObjectNode choice(int index, String text, ObjectNode logprobs, String reason) {
    ObjectNode choice = Json.object().put("index", index).put("text", text);
    choice.set("logprobs", logprobs);
    return choice.put("finish_reason", reason);
  }

  private static ObjectNode chunk(ObjectNode head, Request request, ObjectNode choice) {
    ObjectNode chunk = head.deepCopy();
    chunk.putArray("choices").add(choice);
    if (request.includeUsage) {
      chunk.putNull("usage");
    }
    return chunk;
  }

  private static String reason(AnswerEvent.Finished end) {
    return end.reason() == FinishReason.LENGTH ? "length" : "stop";
  }

  private static Usage usage(List<GenerationRun> runs) {
    int prompt = 0;
    int completion = 0;
    int cached = 0;
    for (GenerationRun run : runs) {
      Usage one = run.usage();
      prompt += one.prompt();
      completion += one.completion();
      cached += one.cached();
    }
    return new Usage(prompt, completion, cached);
  }
}
