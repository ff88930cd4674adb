package llmengine.serve.local;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import llmengine.data.template.ToolCall;
import llmengine.nn.generate.FinishReason;
import llmengine.serve.chat.AnswerParser;
import llmengine.serve.chat.ChatEvent;

/** Puts an answer together from its text as it comes, and tells of its events. */
final class AnswerParts {
  private final AnswerParser parser;
  private final Consumer<ChatEvent> onEvent;
  private final StringBuilder text = new StringBuilder();
  private final StringBuilder reasoning = new StringBuilder();
  private final List<ChatEvent.CallBegin> calls = new ArrayList<>();
  private final List<StringBuilder> arguments = new ArrayList<>();

  AnswerParts(AnswerParser parser, Consumer<ChatEvent> onEvent) {
    this.parser = parser;
    this.onEvent = onEvent;
  }

  void add(String piece) {
    parser.add(piece).forEach(this::take);
  }

  Answer finish(FinishReason finish, int promptTokens, int tokens, int cachedPromptTokens) {
    parser.finish().forEach(this::take);
    List<ToolCall> made = new ArrayList<>();
    for (int i = 0; i < calls.size(); i++) {
      made.add(new ToolCall(calls.get(i).id(), calls.get(i).name(), arguments.get(i).toString()));
    }
    return new Answer(
        text.toString(),
        reasoning.toString(),
        made,
        finish,
        promptTokens,
        tokens,
        cachedPromptTokens);
  }

  private void take(ChatEvent event) {
    switch (event) {
      case ChatEvent.Content content -> text.append(content.text());
      case ChatEvent.Reasoning thought -> reasoning.append(thought.text());
      case ChatEvent.CallBegin call -> {
        calls.add(call);
        arguments.add(new StringBuilder());
      }
      case ChatEvent.CallArguments more -> arguments.get(more.index()).append(more.text());
      case ChatEvent.CallEnd end -> {}
    }
    onEvent.accept(event);
  }
}
