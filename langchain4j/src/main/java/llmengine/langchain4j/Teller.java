package llmengine.langchain4j;

import dev.langchain4j.model.chat.response.CompleteToolCall;
import dev.langchain4j.model.chat.response.PartialResponse;
import dev.langchain4j.model.chat.response.PartialResponseContext;
import dev.langchain4j.model.chat.response.PartialThinking;
import dev.langchain4j.model.chat.response.PartialThinkingContext;
import dev.langchain4j.model.chat.response.PartialToolCall;
import dev.langchain4j.model.chat.response.PartialToolCallContext;
import dev.langchain4j.model.chat.response.StreamingChatResponseHandler;
import dev.langchain4j.model.chat.response.StreamingHandle;
import llmengine.data.template.ToolCall;
import llmengine.serve.chat.ChatEvent;

/** Tells a handler of an answer's events. */
final class Teller {
  private final StreamingChatResponseHandler handler;
  private final PartialResponseContext text;
  private final PartialThinkingContext thinking;
  private final PartialToolCallContext calls;
  private ChatEvent.CallBegin call;
  private final StringBuilder arguments = new StringBuilder();

  Teller(StreamingChatResponseHandler handler, StreamingHandle handle) {
    this.handler = handler;
    this.text = new PartialResponseContext(handle);
    this.thinking = new PartialThinkingContext(handle);
    this.calls = new PartialToolCallContext(handle);
  }

  void tell(ChatEvent event) {
    switch (event) {
      case ChatEvent.Content content ->
          handler.onPartialResponse(new PartialResponse(content.text()), text);
      case ChatEvent.Reasoning thought ->
          handler.onPartialThinking(new PartialThinking(thought.text()), thinking);
      case ChatEvent.CallBegin begin -> {
        call = begin;
        arguments.setLength(0);
      }
      case ChatEvent.CallArguments more -> {
        arguments.append(more.text());
        handler.onPartialToolCall(
            PartialToolCall.builder()
                .index(more.index())
                .id(call.id())
                .name(call.name())
                .partialArguments(more.text())
                .build(),
            calls);
      }
      case ChatEvent.CallEnd end ->
          handler.onCompleteToolCall(
              new CompleteToolCall(
                  end.index(),
                  Questions.request(new ToolCall(call.id(), call.name(), arguments.toString()))));
    }
  }
}
