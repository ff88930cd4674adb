package llmengine.serve.openai;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import llmengine.serve.ServedModel;
import llmengine.serve.http.ApiException;
import llmengine.serve.http.Endpoint;
import llmengine.serve.http.Exchange;
import llmengine.serve.http.Json;
import llmengine.serve.schedule.Generations;

/** GET /v1/models: the base model, first, and its adapters. */
public final class Models implements Endpoint {
  private final ServedModel model;

  public Models(ServedModel model) {
    this.model = model;
  }

  @Override
  public void answer(Exchange exchange) {
    ObjectNode body = Json.object().put("object", "list");
    ArrayNode data = body.putArray("data");
    for (String name : model.generations().map(Generations::models).orElse(List.of(model.name()))) {
      data.addObject()
          .put("id", name)
          .put("object", "model")
          .put("created", model.created())
          .put("owned_by", "llmengine")
          .put("root", model.name())
          .put("max_model_len", model.context());
    }
    exchange.send(body);
  }

  /**
   * Names that answers can be asked of.
   *
   * @throws ApiException 405 if the model is one that scores
   */
  static List<String> generating(ServedModel model) {
    return model
        .generations()
        .map(Generations::models)
        .orElseThrow(
            () ->
                ApiException.notFound(
                    405,
                    null,
                    "not_a_chat_model",
                    "model: expected one that writes answers, got a reward model. Use"
                        + " /v1/score/evaluation."));
  }
}
