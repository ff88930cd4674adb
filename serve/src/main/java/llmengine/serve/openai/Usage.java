package llmengine.serve.openai;

import com.fasterxml.jackson.databind.node.ObjectNode;
import llmengine.serve.http.Json;

/**
 * Tokens of a request.
 *
 * @param cached tokens of the prompt that did not have to be computed
 */
record Usage(int prompt, int completion, int cached) {
  ObjectNode json() {
    ObjectNode usage =
        Json.object()
            .put("prompt_tokens", prompt)
            .put("completion_tokens", completion)
            .put("total_tokens", prompt + completion);
    usage.putObject("prompt_tokens_details").put("cached_tokens", cached);
    return usage;
  }
}
