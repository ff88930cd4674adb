package llmengine.serve.openai;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import llmengine.data.template.Chat;
import llmengine.serve.ServedModel;
import llmengine.serve.http.Exchange;
import llmengine.serve.http.Fields;
import llmengine.serve.http.Json;

/** POST /tokenize and /detokenize, in vLLM's shapes. */
public final class Tokenization {
  private final ServedModel model;

  public Tokenization(ServedModel model) {
    this.model = model;
  }

  /** Ids of a text, or of the prompt that messages become. */
  public void tokenize(Exchange exchange) {
    Fields f = exchange.body();
    f.text("model");
    int[] ids;
    if (f.has("messages")) {
      ChatTools tools = ChatTools.read(f);
      Chat chat =
          new Chat(ChatMessages.read(f), tools.described(), ChatRequest.templateArguments(f));
      f.unsupported("add_generation_prompt", "true");
      f.unsupported("continue_final_message", "false");
      f.unsupported("add_special_tokens", "false");
      ids = ChatRequest.prompt(chat, model);
    } else {
      String prompt = f.text("prompt").orElseThrow(() -> f.missing("prompt", "a string"));
      boolean special = f.flag("add_special_tokens").orElse(true);
      ids = special ? model.tokenizer().encodeText(prompt) : model.tokenizer().encode(prompt);
    }
    boolean texts = f.flag("return_token_strs").orElse(false);
    f.end();
    ObjectNode body = Json.object().put("count", ids.length).put("max_model_len", model.context());
    ArrayNode tokens = body.putArray("tokens");
    for (int id : ids) {
      tokens.add(id);
    }
    if (texts) {
      ArrayNode list = body.putArray("token_strs");
      for (int id : ids) {
        list.add(model.tokenizer().tokenOf(id));
      }
    }
    exchange.send(body);
  }

  /** Text of ids, special tokens included. */
  public void detokenize(Exchange exchange) {
    Fields f = exchange.body();
    f.text("model");
    JsonNode tokens = f.value("tokens").orElseThrow(() -> f.missing("tokens", "a list of ids"));
    if (!tokens.isArray()) {
      throw f.invalid("tokens", "a list of ids", Fields.show(tokens));
    }
    f.end();
    int[] ids = Prompts.ids(f, "tokens", tokens, model.tokenizer().vocabSize());
    exchange.send(Json.object().put("prompt", model.tokenizer().decode(ids, false)));
  }
}
