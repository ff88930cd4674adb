package llmengine.langchain4j;

import dev.langchain4j.model.chat.Capability;
import dev.langchain4j.model.chat.ChatModel;
import dev.langchain4j.model.chat.listener.ChatModelListener;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.request.ChatRequestParameters;
import dev.langchain4j.model.chat.response.ChatResponse;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import llmengine.serve.local.LocalModel;

/**
 * A model in this process as a {@link ChatModel}. The caller keeps and closes the model; what a
 * request does not say is as the model was configured. Safe for concurrent use.
 */
public final class LocalChatModel implements ChatModel {
  private final LocalModel model;
  private final ChatRequestParameters defaults;
  private final List<ChatModelListener> listeners;

  public LocalChatModel(LocalModel model) {
    this(model, ChatRequestParameters.builder().build(), List.of());
  }

  /**
   * @param defaults for requests that do not say
   */
  public LocalChatModel(
      LocalModel model, ChatRequestParameters defaults, List<ChatModelListener> listeners) {
    this.model = model;
    this.defaults = defaults;
    this.listeners = List.copyOf(listeners);
  }

  @Override
  public ChatResponse doChat(ChatRequest request) {
    return Questions.response(model, request, Questions.ask(model, request).answer());
  }

  @Override
  public CompletableFuture<ChatResponse> doChatAsync(ChatRequest request) {
    return Questions.ask(model, request)
        .start()
        .thenApply(answer -> Questions.response(model, request, answer));
  }

  @Override
  public ChatRequestParameters defaultRequestParameters() {
    return defaults;
  }

  @Override
  public List<ChatModelListener> listeners() {
    return listeners;
  }

  /** Answers follow a JSON schema if they are asked to. */
  @Override
  public Set<Capability> supportedCapabilities() {
    return Set.of(Capability.RESPONSE_FORMAT_JSON_SCHEMA);
  }
}
