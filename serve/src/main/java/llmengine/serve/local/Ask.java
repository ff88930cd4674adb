package llmengine.serve.local;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import java.util.function.Function;
import llmengine.data.DataException;
import llmengine.data.template.Chat;
import llmengine.data.template.ChatMessage;
import llmengine.nn.generate.FinishReason;
import llmengine.nn.generate.PromptTooLongException;
import llmengine.nn.generate.SamplingOptions;
import llmengine.nn.generate.TokenConstraint;
import llmengine.serve.chat.AnswerFormat;
import llmengine.serve.chat.ChatEvent;
import llmengine.serve.grammar.GrammarException;
import llmengine.serve.grammar.Grammars;
import llmengine.serve.schedule.GenerationRequest;
import llmengine.serve.schedule.Generations;
import llmengine.serve.schedule.QueueFullException;

/**
 * A question to a {@link LocalModel} and how it is to be answered. What is not set is as the
 * model's configuration has it. For one thread, and one answer.
 */
public final class Ask {
  private final LocalModel model;
  private final int[] given; // a prompt that is ready; null for messages
  private final List<ChatMessage> messages;
  private final Map<String, Object> arguments = new LinkedHashMap<>();
  private final List<String> stop = new ArrayList<>();
  private final SamplingOptions.Builder options;
  private String name;
  private String client = "";
  private String tools = "";
  private Consumer<ChatEvent> onEvent = event -> {};
  private boolean mustCall;
  private Optional<Function<Grammars, TokenConstraint>> form = Optional.empty();

  Ask(LocalModel model, int[] given, List<ChatMessage> messages) {
    this.model = model;
    this.given = given;
    this.messages = new ArrayList<>(messages);
    this.name = model.name();
    this.options = model.options();
    this.stop.addAll(model.stop());
  }

  /** Puts a system prompt in front of the messages. */
  public Ask system(String text) {
    messages.addFirst(ChatMessage.of("system", text));
    return this;
  }

  /** 0 takes the likeliest token each time. */
  public Ask temperature(double value) {
    options.doSample(value > 0).temperature(value);
    return this;
  }

  /** Above 0 and at most 1. */
  public Ask topP(double value) {
    options.topP(value);
    return this;
  }

  /** 0 for all. */
  public Ask topK(int value) {
    options.topK(value);
    return this;
  }

  /** 0 to 1. */
  public Ask minP(double value) {
    options.minP(value);
    return this;
  }

  /** Above 0; 1 for none. */
  public Ask repetitionPenalty(double value) {
    options.repetitionPenalty(value);
    return this;
  }

  public Ask presencePenalty(double value) {
    options.presencePenalty(value);
    return this;
  }

  public Ask frequencyPenalty(double value) {
    options.frequencyPenalty(value);
    return this;
  }

  /** Most tokens of the answer, 1 or more. */
  public Ask maxTokens(int value) {
    options.maxNewTokens(value);
    return this;
  }

  /** The same question with the same seed has the same answer, whatever runs beside it. */
  public Ask seed(long value) {
    options.seed(value);
    return this;
  }

  /** Texts that end the answer and are not part of it, beside the configured ones. */
  public Ask stop(String... texts) {
    stop.addAll(List.of(texts));
    return this;
  }

  /** The answer is a JSON object. */
  public Ask jsonObject() {
    return form(Grammars::jsonObject);
  }

  /**
   * The answer is JSON that a schema admits.
   *
   * @throws GrammarException if the schema is no JSON, or asks for what is not supported
   */
  public Ask jsonSchema(String schema) {
    JsonNode read = LocalModel.json(schema);
    return form(grammars -> grammars.jsonSchema(read));
  }

  /** The whole answer matches a regular expression. */
  public Ask regex(String expression) {
    return form(grammars -> grammars.regex(expression));
  }

  /** What cannot be honoured fails here, not when it is asked; grammars are remembered. */
  private Ask form(Function<Grammars, TokenConstraint> wanted) {
    var _ = wanted.apply(model.grammars());
    form = Optional.of(wanted);
    return this;
  }

  /** A variable of the template, such as {@code enable_thinking}. */
  public Ask argument(String variable, Object value) {
    arguments.put(variable, value);
    return this;
  }

  /** Asks one of {@link LocalModel#models()} instead of the first. */
  public Ask model(String other) {
    name = other;
    return this;
  }

  /**
   * Whose question it is: those of one client wait in one line, so that no client holds up others.
   */
  public Ask client(String whose) {
    client = whose;
    return this;
  }

  /**
   * Offers tools, whose calls the answer then tells apart from its text.
   *
   * @param json a list as the chat API has it: {@code [{"type": "function", "function": {...}}]}
   */
  public Ask tools(String json) {
    tools = json;
    return this;
  }

  /**
   * The answer is a call of one of the tools, or of several; a thought may come first. {@link
   * #answer} fails by an {@link IllegalStateException} if no tools are offered, or another form is
   * asked for too.
   */
  public Ask mustCall() {
    mustCall = true;
    return this;
  }

  /**
   * Is told of each piece of the answer's text as it comes, on the thread that waits for it; a
   * piece never splits a character. An exception it throws ends the answer and reaches the caller.
   */
  public Ask onText(Consumer<String> listener) {
    return onEvent(
        event -> {
          if (event instanceof ChatEvent.Content(String text)) {
            listener.accept(text);
          }
        });
  }

  /** As {@link #onText}, and instead of it, for thoughts and tool calls too. */
  public Ask onEvent(Consumer<ChatEvent> listener) {
    onEvent = listener;
    return this;
  }

  /**
   * Asks, and waits for the whole answer. An interrupt ends it.
   *
   * @throws PromptTooLongException if the prompt leaves no room in the context
   * @throws QueueFullException if too many wait
   * @throws DataException if the template has no place for a message
   * @throws IllegalArgumentException if the model is unknown or an option does not hold
   * @throws CancellationException if the thread was interrupted
   */
  public Answer answer() {
    int[] prompt = given != null ? given : model.prompt(new Chat(messages, tools, arguments));
    SamplingOptions asked = options.build();
    AnswerFormat format = given != null ? LocalModel.PLAIN : model.answerFormat();
    AnswerParts parts = new AnswerParts(model.parser(format, tools, prompt), onEvent);
    AnswerQueue queue = model.queue(format, asked.stopIds(), stop);
    Generations.Ticket ticket =
        model
            .generations()
            .submit(
                new GenerationRequest(
                    name, prompt, asked, 1, -1, constraint(format, prompt), client),
                queue);
    try {
      FinishReason finish = queue.take(parts::add);
      return parts.finish(
          finish, prompt.length, queue.tokens(), Math.max(0, ticket.cachedPromptTokens()));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CancellationException("LocalModel: interrupted while waiting for an answer.");
    } finally {
      ticket.cancel(); // of what is over it has no effect
    }
  }

  private Optional<TokenConstraint> constraint(AnswerFormat format, int[] prompt) {
    Grammars grammars = model.grammars(format, prompt);
    if (!mustCall) {
      return form.map(wanted -> wanted.apply(grammars));
    }
    if (tools.isEmpty() || form.isPresent()) {
      throw new IllegalStateException(
          "LocalModel: mustCall: expected tools and no other form, got "
              + (tools.isEmpty() ? "no tools" : "a form")
              + ". Call tools(...), and leave out jsonObject, jsonSchema and regex.");
    }
    return Optional.of(grammars.toolCalls(format.calls(), LocalModel.json(tools), true));
  }

  /**
   * Asks without waiting; a listener is told on a thread of its own. Cancelling the future ends the
   * answer.
   */
  public CompletableFuture<Answer> start() {
    CompletableFuture<Answer> future = new CompletableFuture<>();
    Thread thread =
        Thread.ofVirtual()
            .name("answer")
            .start(
                () -> {
                  try {
                    future.complete(answer());
                  } catch (RuntimeException | Error e) {
                    future.completeExceptionally(e);
                  }
                });
    var _ =
        future.whenComplete(
            (answer, problem) -> {
              if (future.isCancelled()) {
                thread.interrupt();
              }
            });
    return future;
  }
}
