package llmengine.quant;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import llmengine.engine.FormatException;

/**
 * {@code quantization_config} of a {@code config.json}, read with errors that name the file and the
 * key.
 */
public record QuantizationSettings(String where, JsonNode json) {
  /** A setting, or {@code otherwise} if it is absent or null. */
  public String text(String key, String otherwise) {
    JsonNode value = json.path(key);
    if (value.isMissingNode() || value.isNull()) {
      return otherwise;
    }
    if (!value.isTextual()) {
      throw bad(key, "a text", "can't be used");
    }
    return value.asText();
  }

  public boolean flag(String key, boolean otherwise) {
    JsonNode value = json.path(key);
    if (value.isMissingNode() || value.isNull()) {
      return otherwise;
    }
    if (!value.isBoolean()) {
      throw bad(key, "true or false", "can't be used");
    }
    return value.asBoolean();
  }

  /** A whole number from {@code least} to {@code most}. */
  public int number(String key, int otherwise, int least, int most) {
    JsonNode value = json.path(key);
    if (value.isMissingNode() || value.isNull()) {
      return otherwise;
    }
    if (!value.canConvertToInt()
        || !value.isIntegralNumber()
        || value.asInt() < least
        || value.asInt() > most) {
      throw bad(key, "a whole number from " + least + " to " + most, "can't be used");
    }
    return value.asInt();
  }

  /** {@code group_size}: -1 (one group of all inputs) or above 0. */
  public int groupSize(int otherwise) {
    int size = number("group_size", otherwise, -1, 1 << 20);
    if (size == 0) {
      throw bad("group_size", "-1 or a whole number above 0", "can't be used");
    }
    return size;
  }

  /** Texts of a list; none if it is absent or null. */
  public List<String> texts(String key) {
    List<String> texts = new ArrayList<>();
    JsonNode list = json.path(key);
    if (!list.isMissingNode() && !list.isNull() && !list.isArray()) {
      throw bad(key, "a list", "can't be used");
    }
    for (JsonNode item : list) {
      texts.add(item.asText());
    }
    return texts;
  }

  /** The error for a setting. */
  public FormatException bad(String key, String expected, String problem) {
    JsonNode value = json.path(key);
    String got = value.isMissingNode() ? "nothing" : value.toString();
    return new FormatException(
        where
            + ": quantization_config."
            + key
            + ": "
            + problem
            + ": expected "
            + expected
            + ", got "
            + (got.length() > 80 ? got.substring(0, 80) + "..." : got)
            + ".");
  }
}
