package llmengine.serve.openai;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import llmengine.data.Tokenizer;
import llmengine.serve.http.ApiException;
import llmengine.serve.http.Fields;

/** Texts or ids of a request: one text, several, one list of ids, or several. */
final class Prompts {
  private static final int MOST = 2048;

  private Prompts() {}

  /** Ids of each, at least one; texts begin with bos if the model wants one. */
  static List<int[]> read(Fields f, String name, Tokenizer tokenizer) {
    JsonNode given =
        f.value(name).orElseThrow(() -> f.missing(name, "a string, a list of them, or ids"));
    List<int[]> prompts = new ArrayList<>();
    if (given.isTextual() || isIds(given)) {
      prompts.add(one(f, name, given, tokenizer));
    } else if (given.isArray() && given.size() <= MOST) {
      for (JsonNode prompt : given) {
        prompts.add(one(f, name, prompt, tokenizer));
      }
    }
    if (prompts.isEmpty()) {
      throw f.invalid(
          name, "a string or ids, or a list of 1 to " + MOST + " of them", Fields.show(given));
    }
    return prompts;
  }

  private static int[] one(Fields f, String name, JsonNode prompt, Tokenizer tokenizer) {
    int[] ids;
    if (prompt.isTextual()) {
      ids = tokenizer.encodeText(prompt.textValue());
    } else if (isIds(prompt)) {
      ids = ids(f, name, prompt, tokenizer.vocabSize());
    } else {
      throw f.invalid(name, "strings, or lists of ids", Fields.show(prompt));
    }
    if (ids.length == 0) {
      throw f.invalid(name, "at least one token", "none");
    }
    return ids;
  }

  /** Ids of a list of numbers. */
  static int[] ids(Fields f, String name, JsonNode list, int vocab) {
    int[] ids = new int[list.size()];
    for (int i = 0; i < ids.length; i++) {
      JsonNode id = list.get(i);
      if (!id.isIntegralNumber() || id.longValue() < 0 || id.longValue() >= vocab) {
        throw ApiException.badRequest(
            f.name(name),
            "invalid_value",
            f.name(name)
                + "["
                + i
                + "]: not an id of the vocabulary: expected 0 to "
                + (vocab - 1)
                + ", got "
                + Fields.show(id)
                + ".");
      }
      ids[i] = id.intValue();
    }
    return ids;
  }

  private static boolean isIds(JsonNode value) {
    return value.isArray() && !value.isEmpty() && value.get(0).isNumber();
  }
}
