package llmengine.serve.openai;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.OptionalInt;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import llmengine.nn.generate.PromptTooLongException;
import llmengine.serve.ServedModel;
import llmengine.serve.http.ApiException;
import llmengine.serve.http.ClientWatch;
import llmengine.serve.http.Exchange;
import llmengine.serve.http.Fields;
import llmengine.serve.http.Json;
import llmengine.serve.schedule.Generations;
import llmengine.serve.schedule.QueueFullException;
import llmengine.serve.schedule.Representations;
import llmengine.serve.schedule.Representations.Pooling;

/** POST /v1/embeddings, as OpenAI, and /v1/score/evaluation, as LLaMA-Factory. */
public final class Representing {
  private final ServedModel model;

  public Representing(ServedModel model) {
    this.model = model;
  }

  /** Embeddings of texts: of the mean of their tokens, or of the last one. */
  public void embed(Exchange exchange) {
    Fields f = exchange.body();
    Representations representations = representations();
    String name =
        SamplingFields.model(
            f, model, model.generations().map(Generations::models).orElse(List.of(model.name())));
    List<int[]> inputs = Prompts.read(f, "input", model.tokenizer());
    boolean base64 =
        f.word("encoding_format", "float", "base64").filter("base64"::equals).isPresent();
    Pooling pooling =
        f.word("pooling", "mean", "last").filter("last"::equals).isPresent()
            ? Pooling.LAST
            : Pooling.MEAN;
    boolean normalized = f.flag("normalize").orElse(true);
    String client = f.text("user").orElse("");
    f.unsupported("dimensions");
    f.end();
    List<float[]> vectors =
        all(
            exchange,
            "input",
            inputs,
            ids -> representations.embed(name, ids, pooling, normalized, client));
    ObjectNode body = Json.object().put("object", "list").put("model", name);
    ArrayNode data = body.putArray("data");
    for (int i = 0; i < vectors.size(); i++) {
      ObjectNode one = data.addObject().put("object", "embedding").put("index", i);
      if (base64) {
        one.put("embedding", base64(vectors.get(i)));
      } else {
        ArrayNode numbers = one.putArray("embedding");
        for (float number : vectors.get(i)) {
          numbers.add(number);
        }
      }
    }
    int tokens = inputs.stream().mapToInt(ids -> ids.length).sum();
    body.putObject("usage").put("prompt_tokens", tokens).put("total_tokens", tokens);
    exchange.send(body);
  }

  /** Scores of whole texts by a reward model. */
  public void score(Exchange exchange) {
    Fields f = exchange.body();
    Representations representations = representations();
    if (model.generations().isPresent()) {
      throw ApiException.notFound(
          405,
          null,
          "not_a_reward_model",
          "model: expected a reward model (stage: rm), got one that writes answers.");
    }
    // LLaMA-Factory's clients send any name
    String name = f.text("model").orElse(model.name());
    List<String> texts = f.texts("messages");
    if (texts.isEmpty()) {
      throw f.missing("messages", "a list of texts");
    }
    OptionalInt most = f.integer("max_length", 1, Integer.MAX_VALUE);
    f.end();
    List<int[]> inputs = new ArrayList<>();
    for (String text : texts) {
      int[] ids = model.tokenizer().encodeText(text);
      inputs.add(Arrays.copyOf(ids, Math.min(ids.length, most.orElse(ids.length))));
    }
    List<Float> scores =
        all(exchange, "messages", inputs, ids -> representations.score(model.name(), ids, ""));
    ObjectNode body =
        Json.object()
            .put("id", "scoreval-" + UUID.randomUUID().toString().replace("-", ""))
            .put("object", "score.evaluation")
            .put("model", name);
    ArrayNode list = body.putArray("scores");
    scores.forEach(list::add);
    exchange.send(body);
  }

  private Representations representations() {
    return model
        .representations()
        .orElseThrow(
            () ->
                ApiException.notFound(
                    404, null, "not_found", "path: this server gives no embeddings or scores."));
  }

  /** The results for all inputs, which run side by side. */
  private static <R> List<R> all(
      Exchange exchange,
      String field,
      List<int[]> inputs,
      Function<int[], CompletableFuture<R>> ask) {
    List<CompletableFuture<R>> asked = new ArrayList<>();
    Runnable cancel = () -> asked.forEach(future -> future.cancel(false));
    try {
      for (int[] ids : inputs) {
        asked.add(ask.apply(ids));
      }
      try (ClientWatch _ = exchange.watch(cancel)) {
        List<R> results = new ArrayList<>();
        for (CompletableFuture<R> future : asked) {
          results.add(future.get(exchange.left().toNanos(), TimeUnit.NANOSECONDS));
        }
        return results;
      }
    } catch (PromptTooLongException e) {
      throw GenerationRun.tooLong(field, e);
    } catch (QueueFullException e) {
      throw ApiException.tooMany(e.getMessage());
    } catch (IllegalArgumentException e) {
      throw ApiException.badRequest(field, "invalid_value", e.getMessage());
    } catch (TimeoutException e) {
      throw exchange.outOfTime();
    } catch (ExecutionException e) {
      throw e.getCause() instanceof IllegalArgumentException bad
          ? ApiException.badRequest(field, "invalid_value", bad.getMessage())
          : new IllegalStateException("representation failed", e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw ApiException.stopping();
    } finally {
      cancel.run();
    }
  }

  /** Little-endian floats, as the official clients ask for. */
  private static String base64(float[] vector) {
    ByteBuffer bytes = ByteBuffer.allocate(4 * vector.length).order(ByteOrder.LITTLE_ENDIAN);
    for (float number : vector) {
      bytes.putFloat(number);
    }
    return Base64.getEncoder().encodeToString(bytes.array());
  }
}
