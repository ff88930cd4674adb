package llmengine.serve.openai;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Supplier;
import llmengine.data.DataException;
import llmengine.data.template.Chat;
import llmengine.nn.generate.TokenConstraint;
import llmengine.serve.ServedModel;
import llmengine.serve.grammar.Grammars;
import llmengine.serve.http.ApiException;
import llmengine.serve.http.Fields;

/**
 * A request to /v1/chat/completions, read strictly.
 *
 * @param prompt ids
 * @param thoughtIsOpen whether the prompt has begun the model's thought
 * @param logprobs number of likeliest tokens told of; -1 for no log-probabilities at all
 * @param includeUsage ends a stream with the usage
 */
record ChatRequest(
    String model,
    int[] prompt,
    boolean thoughtIsOpen,
    SamplingFields sampling,
    int logprobs,
    boolean stream,
    boolean includeUsage,
    ChatTools tools,
    Optional<TokenConstraint> constraint,
    String client) {
  private static final int MOST_LOGPROBS = 20;

  static ChatRequest read(Fields f, ServedModel model, List<String> known) {
    String name = SamplingFields.model(f, model, known);
    ChatTools tools = ChatTools.read(f);
    Chat chat = new Chat(ChatMessages.read(f), tools.described(), templateArguments(f));
    SamplingFields sampling = SamplingFields.read(f, model, maxTokens(f));
    int[] prompt = prompt(chat, model);
    boolean thinks = model.answers().opensThought(prompt, model.tokenizer());
    Optional<TokenConstraint> constraint = constraint(f, model, tools, thinks);
    boolean logprobs = f.flag("logprobs").orElse(false);
    OptionalInt top = f.integer("top_logprobs", 0, MOST_LOGPROBS);
    if (top.isPresent() && !logprobs) {
      throw f.invalid("top_logprobs", "logprobs: true beside it", "none");
    }
    boolean stream = f.flag("stream").orElse(false);
    boolean includeUsage = streamOptions(f, stream);
    String client = f.text("user").or(() -> f.text("safety_identifier")).orElse("");
    f.text("safety_identifier"); // read even if there is a user
    refuseOthers(f);
    f.end();
    return new ChatRequest(
        name,
        prompt,
        thinks,
        sampling,
        logprobs ? top.orElse(0) : -1,
        stream,
        includeUsage,
        tools,
        constraint,
        client);
  }

  /** Ids of the prompt; 400 if the template has no place for something. */
  static int[] prompt(Chat chat, ServedModel model) {
    try {
      return model.format().prompt(chat);
    } catch (DataException e) {
      throw ApiException.badRequest("messages", "invalid_value", e.getMessage());
    }
  }

  /** What holds for the answer; a thought in front of it is free. */
  private static Optional<TokenConstraint> constraint(
      Fields f, ServedModel model, ChatTools tools, boolean thoughtIsOpen) {
    Grammars grammars = model.grammars().afterThought(model.answers().thought(), thoughtIsOpen);
    Optional<Supplier<TokenConstraint>> calls =
        tools.forced().isEmpty()
            ? Optional.empty()
            : Optional.of(
                () ->
                    grammars.toolCalls(model.answers().calls(), tools.forced(), tools.parallel()));
    return ConstraintFields.read(f, grammars, calls);
  }

  /** chat_template_kwargs, and enable_thinking on its own. */
  static Map<String, Object> templateArguments(Fields f) {
    Map<String, Object> arguments = new LinkedHashMap<>();
    f.object("chat_template_kwargs")
        .ifPresent(
            kwargs ->
                kwargs
                    .json()
                    .properties()
                    .forEach(e -> arguments.put(e.getKey(), plain(e.getValue()))));
    f.flag("enable_thinking").ifPresent(think -> arguments.put("enable_thinking", think));
    return arguments;
  }

  /** Whether the stream ends with the usage. */
  static boolean streamOptions(Fields f, boolean stream) {
    boolean[] usage = {false};
    f.object("stream_options")
        .ifPresent(
            options -> {
              if (!stream) {
                throw f.invalid("stream_options", "stream: true beside it", "none");
              }
              usage[0] = options.flag("include_usage").orElse(false);
              options.unsupported("include_obfuscation", "false");
              options.end();
            });
    return usage[0];
  }

  private static OptionalInt maxTokens(Fields f) {
    OptionalInt old = f.integer("max_tokens", 1, Integer.MAX_VALUE);
    OptionalInt now = f.integer("max_completion_tokens", 1, Integer.MAX_VALUE);
    if (old.isPresent() && now.isPresent() && old.getAsInt() != now.getAsInt()) {
      throw f.invalid(
          "max_tokens",
          "the same as max_completion_tokens " + now.getAsInt(),
          Integer.toString(old.getAsInt()));
    }
    return now.isPresent() ? now : old;
  }

  /** OpenAI's fields that ask for what is not there. */
  private static void refuseOthers(Fields f) {
    f.unsupported("store", "false");
    f.unsupported("metadata", "{}");
    f.unsupported("service_tier", "\"auto\"", "\"default\"");
    f.unsupported("modalities", "[\"text\"]");
    f.unsupported("verbosity", "\"medium\"");
    for (String name :
        List.of(
            "audio",
            "prediction",
            "reasoning_effort",
            "web_search_options",
            "functions",
            "function_call",
            "prompt_cache_key",
            "prompt_cache_retention")) {
      f.unsupported(name);
    }
  }

  private static Object plain(JsonNode value) {
    return switch (value.getNodeType()) {
      case STRING -> value.textValue();
      case BOOLEAN -> value.booleanValue();
      case NUMBER -> value.isIntegralNumber() ? (Object) value.longValue() : value.doubleValue();
      case ARRAY -> {
        List<Object> list = new java.util.ArrayList<>();
        value.forEach(v -> list.add(plain(v)));
        yield list;
      }
      case OBJECT -> {
        Map<String, Object> map = new LinkedHashMap<>();
        value.properties().forEach(e -> map.put(e.getKey(), plain(e.getValue())));
        yield map;
      }
      default -> null;
    };
  }
}
