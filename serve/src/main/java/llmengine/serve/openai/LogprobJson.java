package llmengine.serve.openai;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import llmengine.serve.http.Json;

/** Log-probabilities in the shapes of the two kinds of completions. */
final class LogprobJson {
  private LogprobJson() {}

  /** The list {@code logprobs.content} of a chat. */
  static ArrayNode chat(List<TokenLogprob> tokens) {
    ArrayNode list = Json.object().arrayNode();
    for (TokenLogprob token : tokens) {
      ObjectNode one = token(token);
      ArrayNode top = one.putArray("top_logprobs");
      token.top().forEach(other -> top.add(token(other)));
      list.add(one);
    }
    return list;
  }

  /** The object {@code logprobs} of a text completion. */
  static ObjectNode text(List<TokenLogprob> tokens) {
    ObjectNode all = Json.object();
    ArrayNode texts = all.putArray("tokens");
    ArrayNode values = all.putArray("token_logprobs");
    ArrayNode top = all.putArray("top_logprobs");
    ArrayNode places = all.putArray("text_offset");
    for (TokenLogprob token : tokens) {
      texts.add(token.text());
      values.add(finite(token.logprob()));
      ObjectNode likeliest = top.addObject();
      for (TokenLogprob other : token.top()) {
        likeliest.put(other.text(), finite(other.logprob()));
      }
      places.add(token.start());
    }
    return all;
  }

  private static ObjectNode token(TokenLogprob token) {
    ObjectNode one =
        Json.object().put("token", token.text()).put("logprob", finite(token.logprob()));
    ArrayNode bytes = one.putArray("bytes");
    for (byte b : token.bytes()) {
      bytes.add(b & 0xff);
    }
    return one;
  }

  /** JSON has no infinity; OpenAI's own stand-in for it. */
  private static float finite(float logprob) {
    return Math.max(logprob, -9999);
  }
}
