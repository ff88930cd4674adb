package llmengine.serve.openai;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.IntPredicate;
import llmengine.data.Tokenizer;
import llmengine.nn.generate.SamplingOptions;
import llmengine.nn.generate.SamplingOptions.SequenceBias;
import llmengine.serve.ServedModel;
import llmengine.serve.http.ApiException;
import llmengine.serve.http.Fields;
import llmengine.train.chat.Sampling;

/**
 * The fields about the choice of tokens, which chat and text completions share: OpenAI's, those
 * that vLLM adds under its names, and LLaMA-Factory's do_sample. Where a request does not say, the
 * server's configuration does.
 *
 * @param stop texts that end an answer
 * @param choices n
 * @param special keeps special tokens in the text
 */
record SamplingFields(SamplingOptions options, List<String> stop, int choices, boolean special) {
  private static final int MOST_STOPS = 16;
  private static final int LONGEST_STOP = 256;
  private static final int MOST_CHOICES = 128;

  /**
   * @param maxTokens as read from the request
   */
  static SamplingFields read(Fields f, ServedModel model, OptionalInt maxTokens) {
    Set<Integer> stopIds = new HashSet<>(model.format().stopIds());
    if (f.flag("ignore_eos").orElse(false)) {
      stopIds.clear();
    }
    stopIds.addAll(stopTokenIds(f, model));
    long seed =
        f.longInteger("seed")
            .or(() -> model.defaults().samplingSeed().map(Integer::longValue))
            .orElseGet(() -> ThreadLocalRandom.current().nextLong());
    SamplingOptions.Builder b =
        Sampling.options(model.defaults(), stopIds, seed).with().numBeams(1);
    f.flag("do_sample").ifPresent(b::doSample);
    f.number("temperature", 0, 2).ifPresent(b::temperature);
    f.number("top_p", 0, 1).ifPresent(p -> b.topP(positive(f, "top_p", p)));
    f.integer("top_k", -1, Integer.MAX_VALUE).ifPresent(k -> b.topK(Math.max(0, k)));
    f.number("min_p", 0, 1).ifPresent(b::minP);
    f.number("repetition_penalty", 0, 10)
        .ifPresent(p -> b.repetitionPenalty(positive(f, "repetition_penalty", p)));
    f.number("presence_penalty", -2, 2).ifPresent(b::presencePenalty);
    f.number("frequency_penalty", -2, 2).ifPresent(b::frequencyPenalty);
    f.integer("min_tokens", 0, Integer.MAX_VALUE).ifPresent(b::minNewTokens);
    maxTokens.ifPresent(b::maxNewTokens);
    bias(f, model).ifPresent(b::sequenceBias);
    List<String> stop = new ArrayList<>(f.texts("stop"));
    checkStop(f, stop);
    stop.addAll(model.defaults().stop());
    boolean skip = f.flag("skip_special_tokens").orElse(model.defaults().skipSpecialTokens());
    return new SamplingFields(b.build(), stop, f.integer("n", 1, MOST_CHOICES).orElse(1), !skip);
  }

  /** Ids that give no text: special tokens, unless they are asked for. */
  IntPredicate hidden(Tokenizer tokenizer) {
    return special ? id -> false : tokenizer::isSpecial;
  }

  private static double positive(Fields f, String name, double value) {
    if (value <= 0) {
      throw f.invalid(name, "a number above 0", "0");
    }
    return value;
  }

  private static void checkStop(Fields f, List<String> stop) {
    if (stop.size() > MOST_STOPS) {
      throw f.invalid("stop", "at most " + MOST_STOPS + " texts", stop.size() + " texts");
    }
    for (String text : stop) {
      if (text.isEmpty() || text.length() > LONGEST_STOP) {
        throw f.invalid(
            "stop",
            "texts of 1 to " + LONGEST_STOP + " characters",
            "one of " + text.length() + " characters");
      }
    }
  }

  private static List<Integer> stopTokenIds(Fields f, ServedModel model) {
    List<Integer> ids = new ArrayList<>();
    Optional<JsonNode> given = f.value("stop_token_ids");
    if (given.isPresent()) {
      for (JsonNode id : given.get()) {
        ids.add(id(f, "stop_token_ids", id.isIntegralNumber() ? id.asText() : "", id, model));
      }
      if (!given.get().isArray()) {
        throw f.invalid("stop_token_ids", "a list of ids", Fields.show(given.get()));
      }
    }
    return ids;
  }

  private static Optional<List<SequenceBias>> bias(Fields f, ServedModel model) {
    return f.object("logit_bias")
        .map(
            map -> {
              List<SequenceBias> biases = new ArrayList<>();
              for (Map.Entry<String, JsonNode> entry : map.json().properties()) {
                int id = id(f, "logit_bias", entry.getKey(), entry.getValue(), model);
                double bias = map.number(entry.getKey(), -100, 100).orElse(0.0);
                biases.add(new SequenceBias(List.of(id), bias));
              }
              return biases;
            });
  }

  private static int id(Fields f, String name, String text, JsonNode shown, ServedModel model) {
    int vocab = model.tokenizer().vocabSize();
    if (!text.matches("\\d{1,9}") || Integer.parseInt(text) >= vocab) {
      throw f.invalid(
          name,
          "token ids from 0 to " + (vocab - 1),
          text.isEmpty() ? Fields.show(shown) : "\"" + text + "\"");
    }
    return Integer.parseInt(text);
  }

  /** The model that a request names; the base model if it names none. */
  static String model(Fields f, ServedModel model, List<String> known) {
    String name = f.text("model").orElse(model.name());
    if (!known.contains(name)) {
      throw ApiException.notFound(
          404,
          "model",
          "model_not_found",
          "model: unknown: expected one of "
              + String.join(", ", known)
              + ", got \""
              + name
              + "\".");
    }
    return name;
  }
}
