package llmengine.data.tokenizer;

import java.lang.reflect.Array;
import java.util.List;
import java.util.Map;
import llmengine.data.DataException;

/** Typed access to the metadata of a GGUF, whose arrays may be lists or arrays of any kind. */
record GgufMetadata(String where, Map<String, ?> values) {

  String string(String key) {
    Object value = values.get(key);
    if (value instanceof String text) {
      return text;
    }
    throw wrong(key, "a string", value);
  }

  String string(String key, String otherwise) {
    return values.get(key) == null ? otherwise : string(key);
  }

  boolean flag(String key, boolean otherwise) {
    Object value = values.get(key);
    if (value == null) {
      return otherwise;
    }
    if (value instanceof Boolean flag) {
      return flag;
    }
    throw wrong(key, "true or false", value);
  }

  /** A token id below {@code size}; -1 if absent. */
  int id(String key, int otherwise, int size) {
    Object value = values.get(key);
    if (value == null) {
      return otherwise < size ? otherwise : -1;
    }
    if (value instanceof Number number && number.longValue() >= 0 && number.longValue() < size) {
      return number.intValue();
    }
    throw wrong(key, "a token id below " + size, value);
  }

  boolean has(String key) {
    return values.get(key) != null;
  }

  String[] strings(String key) {
    Object value = values.get(key);
    String[] out = new String[size(key, value)];
    for (int i = 0; i < out.length; i++) {
      if (!(element(value, i) instanceof String text)) {
        throw wrong(key, "a list of strings", element(value, i));
      }
      out[i] = text;
    }
    return out;
  }

  double[] numbers(String key) {
    Object value = values.get(key);
    double[] out = new double[size(key, value)];
    for (int i = 0; i < out.length; i++) {
      if (!(element(value, i) instanceof Number number)) {
        throw wrong(key, "a list of numbers", element(value, i));
      }
      out[i] = number.doubleValue();
    }
    return out;
  }

  private int size(String key, Object value) {
    if (value instanceof List<?> list) {
      return list.size();
    }
    if (value != null && value.getClass().isArray()) {
      return Array.getLength(value);
    }
    throw wrong(key, "a list", value);
  }

  private static Object element(Object value, int i) {
    return value instanceof List<?> list ? list.get(i) : Array.get(value, i);
  }

  DataException wrong(String key, String expected, Object value) {
    String got =
        value == null
            ? "none"
            : value instanceof Number || value instanceof String || value instanceof Boolean
                ? "\"" + value + "\""
                : value.getClass().getSimpleName();
    return new DataException(
        where
            + " "
            + key
            + ": unusable tokenizer: expected "
            + expected
            + ", got "
            + got
            + ". Convert the model to GGUF again or use its Hugging Face checkpoint.");
  }
}
