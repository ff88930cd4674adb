package llmengine.langchain4j;

import dev.langchain4j.agent.tool.ToolExecutionRequest;
import dev.langchain4j.agent.tool.ToolSpecification;
import dev.langchain4j.data.message.AiMessage;
import dev.langchain4j.data.message.Content;
import dev.langchain4j.data.message.SystemMessage;
import dev.langchain4j.data.message.TextContent;
import dev.langchain4j.data.message.ToolExecutionResultMessage;
import dev.langchain4j.data.message.UserMessage;
import dev.langchain4j.exception.UnsupportedFeatureException;
import dev.langchain4j.internal.Json;
import dev.langchain4j.internal.JsonSchemaElementUtils;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.request.ChatRequestParameters;
import dev.langchain4j.model.chat.request.DefaultChatRequestParameters;
import dev.langchain4j.model.chat.request.ResponseFormat;
import dev.langchain4j.model.chat.request.ToolChoice;
import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.output.FinishReason;
import dev.langchain4j.model.output.TokenUsage;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import llmengine.data.template.ChatMessage;
import llmengine.data.template.ToolCall;
import llmengine.serve.local.Answer;
import llmengine.serve.local.Ask;
import llmengine.serve.local.LocalModel;

/** LangChain4j's requests as questions to a model, and its answers as LangChain4j's. */
final class Questions {
  private Questions() {}

  /**
   * The question of a request.
   *
   * @throws UnsupportedFeatureException if it asks for what the model cannot do
   */
  static Ask ask(LocalModel model, ChatRequest request) {
    Ask ask = model.ask(request.messages().stream().map(Questions::message).toList());
    ChatRequestParameters p = request.parameters();
    refuse(p);
    if (p.modelName() != null) {
      ask.model(p.modelName());
    }
    if (p.temperature() != null) {
      ask.temperature(p.temperature());
    }
    if (p.topP() != null) {
      ask.topP(p.topP());
    }
    if (p.topK() != null) {
      ask.topK(p.topK());
    }
    if (p.frequencyPenalty() != null) {
      ask.frequencyPenalty(p.frequencyPenalty());
    }
    if (p.presencePenalty() != null) {
      ask.presencePenalty(p.presencePenalty());
    }
    if (p.maxOutputTokens() != null) {
      ask.maxTokens(p.maxOutputTokens());
    }
    ask.stop(p.stopSequences().toArray(String[]::new));
    if (!p.toolSpecifications().isEmpty() && p.toolChoice() != ToolChoice.NONE) {
      ask.tools(Json.toJson(p.toolSpecifications().stream().map(Questions::tool).toList()));
      if (p.toolChoice() == ToolChoice.REQUIRED) {
        ask.mustCall();
      }
    }
    if (p.responseFormat() != null) {
      format(ask, p.responseFormat());
    }
    return ask;
  }

  private static Map<String, Object> tool(ToolSpecification tool) {
    Map<String, Object> function = new LinkedHashMap<>();
    function.put("name", tool.name());
    if (tool.description() != null) {
      function.put("description", tool.description());
    }
    function.put(
        "parameters",
        tool.parameters() == null
            ? Map.of("type", "object", "properties", Map.of())
            : JsonSchemaElementUtils.toMap(tool.parameters()));
    return Map.of("type", "function", "function", function);
  }

  private static void format(Ask ask, ResponseFormat format) {
    switch (format.type()) {
      case TEXT -> {}
      case JSON -> {
        if (format.jsonSchema() == null) {
          ask.jsonObject();
        } else {
          ask.jsonSchema(
              Json.toJson(JsonSchemaElementUtils.toMap(format.jsonSchema().rootElement())));
        }
      }
    }
  }

  private static void refuse(ChatRequestParameters p) {
    if (p.toolChoice() == ToolChoice.REQUIRED && p.toolSpecifications().isEmpty()) {
      throw unsupported("toolChoice", "tools beside REQUIRED", "none");
    }
    if (p.getClass() != DefaultChatRequestParameters.class) {
      // another provider's may hold what we would pass over in silence
      throw unsupported("parameters", "ChatRequestParameters", p.getClass().getSimpleName());
    }
  }

  private static ChatMessage message(dev.langchain4j.data.message.ChatMessage message) {
    return switch (message) {
      case SystemMessage system -> ChatMessage.of("system", system.text());
      case UserMessage user ->
          new ChatMessage("user", text(user.contents()), null, List.of(), null, user.name());
      case AiMessage ai -> {
        if (!ai.images().isEmpty() || !ai.audios().isEmpty()) {
          throw unsupported("message", "text", "pictures or sound");
        }
        yield ChatMessage.assistant(
            ai.text(),
            ai.thinking(),
            ai.toolExecutionRequests().stream().map(Questions::call).toList());
      }
      case ToolExecutionResultMessage result ->
          ChatMessage.tool(text(result.contents()), result.id(), result.toolName());
      default ->
          throw unsupported(
              "message", "a system, user, AI or tool result message", message.type().toString());
    };
  }

  private static ToolCall call(ToolExecutionRequest request) {
    return new ToolCall(request.id(), request.name(), request.arguments());
  }

  private static String text(List<Content> contents) {
    StringBuilder text = new StringBuilder();
    for (Content content : contents) {
      if (!(content instanceof TextContent words)) {
        throw unsupported("message", "text", content.type().toString());
      }
      text.append(words.text());
    }
    return text.toString();
  }

  static ChatResponse response(LocalModel model, ChatRequest request, Answer answer) {
    String asked = request.parameters().modelName();
    return ChatResponse.builder()
        .aiMessage(message(answer))
        .modelName(asked == null ? model.name() : asked)
        .tokenUsage(new TokenUsage(answer.promptTokens(), answer.tokens()))
        .finishReason(
            switch (answer.finish()) {
              case STOP ->
                  answer.toolCalls().isEmpty() ? FinishReason.STOP : FinishReason.TOOL_EXECUTION;
              case LENGTH -> FinishReason.LENGTH;
              case CANCELLED -> FinishReason.OTHER;
            })
        .build();
  }

  private static AiMessage message(Answer answer) {
    AiMessage.Builder message =
        AiMessage.builder()
            .toolExecutionRequests(answer.toolCalls().stream().map(Questions::request).toList());
    if (!answer.text().isEmpty() || answer.toolCalls().isEmpty()) {
      message.text(answer.text());
    }
    if (!answer.reasoning().isEmpty()) {
      message.thinking(answer.reasoning());
    }
    return message.build();
  }

  static ToolExecutionRequest request(ToolCall call) {
    return ToolExecutionRequest.builder()
        .id(call.id())
        .name(call.name())
        .arguments(call.arguments())
        .build();
  }

  private static UnsupportedFeatureException unsupported(
      String where, String expected, String got) {
    return new UnsupportedFeatureException(
        where
            + ": not supported by a model in this process: expected "
            + expected
            + ", got "
            + got
            + ". Leave it out.");
  }
}
