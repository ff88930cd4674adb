package llmengine.langchain4j;

import dev.langchain4j.model.chat.Capability;
import dev.langchain4j.model.chat.StreamingChatModel;
import dev.langchain4j.model.chat.listener.ChatModelListener;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.request.ChatRequestParameters;
import dev.langchain4j.model.chat.response.StreamingChatResponseHandler;
import dev.langchain4j.model.chat.response.StreamingHandle;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CancellationException;
import llmengine.serve.local.Ask;
import llmengine.serve.local.LocalModel;

/**
 * A model in this process as a {@link StreamingChatModel}. A handler is told on a thread of its
 * request's own; after its {@link StreamingHandle#cancel} it is told nothing more. The caller keeps
 * and closes the model. Safe for concurrent use.
 */
public final class LocalStreamingChatModel implements StreamingChatModel {
  private final LocalModel model;
  private final ChatRequestParameters defaults;
  private final List<ChatModelListener> listeners;

  public LocalStreamingChatModel(LocalModel model) {
    this(model, ChatRequestParameters.builder().build(), List.of());
  }

  /**
   * @param defaults for requests that do not say
   */
  public LocalStreamingChatModel(
      LocalModel model, ChatRequestParameters defaults, List<ChatModelListener> listeners) {
    this.model = model;
    this.defaults = defaults;
    this.listeners = List.copyOf(listeners);
  }

  /** Ends an answer by the interrupt of the thread that waits for it. */
  private static final class Handle implements StreamingHandle {
    private final Thread thread;
    private volatile boolean cancelled;

    Handle(Thread thread) {
      this.thread = thread;
    }

    @Override
    public void cancel() {
      cancelled = true;
      thread.interrupt();
    }

    @Override
    public boolean isCancelled() {
      return cancelled;
    }
  }

  @Override
  public void doChat(ChatRequest request, StreamingChatResponseHandler handler) {
    Ask ask = Questions.ask(model, request); // what is not supported is said at once
    Thread.ofVirtual().name("streaming chat").start(() -> answer(ask, request, handler));
  }

  private void answer(Ask ask, ChatRequest request, StreamingChatResponseHandler handler) {
    Handle handle = new Handle(Thread.currentThread());
    Teller teller = new Teller(handler, handle);
    try {
      var answer =
          ask.onEvent(
                  event -> {
                    if (!handle.isCancelled()) {
                      teller.tell(event);
                    }
                  })
              .answer();
      if (!handle.isCancelled()) {
        handler.onCompleteResponse(Questions.response(model, request, answer));
      }
    } catch (CancellationException e) {
      if (!handle.isCancelled()) {
        handler.onError(e);
      }
    } catch (RuntimeException e) {
      handler.onError(e);
    }
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
