package llmengine.langchain4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.langchain4j.agent.tool.ToolExecutionRequest;
import dev.langchain4j.agent.tool.ToolSpecification;
import dev.langchain4j.data.message.AiMessage;
import dev.langchain4j.data.message.ImageContent;
import dev.langchain4j.data.message.SystemMessage;
import dev.langchain4j.data.message.TextContent;
import dev.langchain4j.data.message.ToolExecutionResultMessage;
import dev.langchain4j.data.message.UserMessage;
import dev.langchain4j.exception.UnsupportedFeatureException;
import dev.langchain4j.model.chat.ChatModel;
import dev.langchain4j.model.chat.StreamingChatModel;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.request.ChatRequestParameters;
import dev.langchain4j.model.chat.request.ResponseFormat;
import dev.langchain4j.model.chat.request.ResponseFormatType;
import dev.langchain4j.model.chat.request.ToolChoice;
import dev.langchain4j.model.chat.request.json.JsonObjectSchema;
import dev.langchain4j.model.chat.request.json.JsonSchema;
import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.chat.response.CompleteToolCall;
import dev.langchain4j.model.chat.response.PartialResponse;
import dev.langchain4j.model.chat.response.PartialResponseContext;
import dev.langchain4j.model.chat.response.PartialThinking;
import dev.langchain4j.model.chat.response.PartialToolCall;
import dev.langchain4j.model.chat.response.StreamingChatResponseHandler;
import dev.langchain4j.model.chat.response.StreamingHandle;
import dev.langchain4j.model.embedding.EmbeddingModel;
import dev.langchain4j.model.embedding.request.EmbeddingRequest;
import dev.langchain4j.model.output.FinishReason;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import llmengine.nn.generate.PromptTooLongException;
import llmengine.serve.chat.ChatEvent;
import llmengine.serve.local.LocalModel;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** LangChain4j's interfaces over the model of the quickstart. */
@Timeout(120)
class LocalModelsTest {
  private static LocalModel local;
  private static ChatModel chat;
  private static StreamingChatModel streaming;

  @BeforeAll
  static void open() {
    local =
        LocalModel.open(
            Path.of("../examples/quickstart-model/model").toString(),
            Map.of("template", "chatml", "do_sample", false));
    chat = new LocalChatModel(local);
    streaming = new LocalStreamingChatModel(local);
  }

  @AfterAll
  static void close() {
    local.close();
  }

  private static ChatRequest request(Consumer<ChatRequest.Builder> more) {
    ChatRequest.Builder builder =
        ChatRequest.builder().messages(UserMessage.from("Where do you live?"));
    more.accept(builder);
    return builder.build();
  }

  /** Collects what a streaming model tells. */
  private static class Collected implements StreamingChatResponseHandler {
    final List<String> pieces = new ArrayList<>();
    final CompletableFuture<ChatResponse> whole = new CompletableFuture<>();

    @Override
    public void onPartialResponse(String piece) {
      pieces.add(piece);
    }

    @Override
    public void onCompleteResponse(ChatResponse response) {
      whole.complete(response);
    }

    @Override
    public void onError(Throwable problem) {
      whole.completeExceptionally(problem);
    }
  }

  @Test
  void answersWithUsageAndReason() {
    assertThat(chat.chat("Where do you live?")).isEqualTo("I live in a computer.");
    ChatResponse response = chat.chat(request(r -> {}));
    assertThat(response.aiMessage().text()).isEqualTo("I live in a computer.");
    assertThat(response.finishReason()).isEqualTo(FinishReason.STOP);
    assertThat(response.tokenUsage().inputTokenCount()).isGreaterThan(5);
    assertThat(response.tokenUsage().outputTokenCount()).isEqualTo(7);
    assertThat(response.modelName()).isEqualTo(local.name());
    assertThat(chat.chatAsync("Where do you live?").join()).isEqualTo("I live in a computer.");
  }

  @Test
  void streamedPiecesJoinToTheSameAnswer() {
    Collected collected = new Collected();
    streaming.chat(request(r -> {}), collected);
    ChatResponse response = collected.whole.join();
    assertThat(response.aiMessage().text()).isEqualTo("I live in a computer.");
    assertThat(String.join("", collected.pieces)).isEqualTo("I live in a computer.");
    assertThat(collected.pieces).hasSizeGreaterThan(2);
    assertThat(response.finishReason()).isEqualTo(FinishReason.STOP);
  }

  @Test
  void parametersOfRequestAndModelAreHonoured() {
    ChatResponse cut = chat.chat(request(r -> r.maxOutputTokens(2)));
    assertThat(cut.finishReason()).isEqualTo(FinishReason.LENGTH);
    assertThat(cut.tokenUsage().outputTokenCount()).isEqualTo(2);
    assertThat(chat.chat(request(r -> r.stopSequences(List.of(" in")))).aiMessage().text())
        .isEqualTo("I live");
    ChatModel brief =
        new LocalChatModel(
            local, ChatRequestParameters.builder().maxOutputTokens(3).build(), List.of());
    assertThat(brief.chat(request(r -> {})).tokenUsage().outputTokenCount()).isEqualTo(3);
    assertThatThrownBy(() -> chat.chat(request(r -> r.topP(7.0)))).hasMessageContaining("top_p");
    assertThatThrownBy(() -> chat.chat(request(r -> r.modelName("nobody"))))
        .hasMessageContaining("nobody");
    assertThat(
            chat.chat(
                    request(
                        r ->
                            r.temperature(0.0)
                                .topK(5)
                                .topP(0.9)
                                .frequencyPenalty(0.0)
                                .presencePenalty(0.0)))
                .aiMessage()
                .text())
        .isEqualTo("I live in a computer.");
  }

  @Test
  void allKindsOfMessagesAreTaken() {
    ToolExecutionRequest call =
        ToolExecutionRequest.builder()
            .id("c1")
            .name("clock")
            .arguments("{\"zone\": \"UTC\"}")
            .build();
    ChatResponse response =
        chat.chat(
            ChatRequest.builder()
                .messages(
                    SystemMessage.from("You are a clock."),
                    UserMessage.from(TextContent.from("What "), TextContent.from("time is it?")),
                    AiMessage.from(call),
                    ToolExecutionResultMessage.from(call, "noon"))
                .maxOutputTokens(4)
                .build());
    assertThat(response.tokenUsage().inputTokenCount()).isGreaterThan(20);
  }

  @Test
  void answersFollowASchema() {
    JsonSchema schema =
        JsonSchema.builder()
            .name("place")
            .rootElement(
                JsonObjectSchema.builder()
                    .addEnumProperty("place", List.of("sea", "shore"))
                    .required("place")
                    .build())
            .build();
    ResponseFormat format =
        ResponseFormat.builder().type(ResponseFormatType.JSON).jsonSchema(schema).build();
    String json = chat.chat(request(r -> r.responseFormat(format))).aiMessage().text();
    assertThat(json.replaceAll("\\s", "")).isIn("{\"place\":\"sea\"}", "{\"place\":\"shore\"}");
    ChatResponse object =
        chat.chat(request(r -> r.responseFormat(ResponseFormat.JSON).maxOutputTokens(5)));
    assertThat(object.aiMessage().text()).matches("(?s)\\s*(\\{.*)?");
  }

  @Test
  void toolsAreOfferedUnlessTheChoiceIsNone() {
    ToolSpecification clock =
        ToolSpecification.builder()
            .name("clock")
            .description("Tells the time.")
            .parameters(JsonObjectSchema.builder().addStringProperty("zone").build())
            .build();
    int without = chat.chat(request(r -> {})).tokenUsage().inputTokenCount();
    int with =
        chat.chat(request(r -> r.toolSpecifications(clock).maxOutputTokens(2)))
            .tokenUsage()
            .inputTokenCount();
    int none =
        chat.chat(request(r -> r.toolSpecifications(clock).toolChoice(ToolChoice.NONE)))
            .tokenUsage()
            .inputTokenCount();
    assertThat(with).isGreaterThan(without + 20);
    assertThat(none).isEqualTo(without);
  }

  @Test
  void aRequiredToolIsCalled() {
    ToolSpecification clock =
        ToolSpecification.builder()
            .name("clock")
            .description("Tells the time.")
            .parameters(
                JsonObjectSchema.builder()
                    .addEnumProperty("zone", List.of("UTC", "CET"))
                    .required("zone")
                    .build())
            .build();
    AiMessage answer =
        chat.chat(request(r -> r.toolSpecifications(clock).toolChoice(ToolChoice.REQUIRED)))
            .aiMessage();
    // it goes on calling until there is no more room
    ToolExecutionRequest call = answer.toolExecutionRequests().getFirst();
    assertThat(call.name()).isEqualTo("clock");
    assertThat(call.arguments()).matches("\\{\\s*\"zone\"\\s*:\\s*\"(UTC|CET)\"\\s*}");
  }

  @Test
  void eventsOfAnAnswerReachTheHandler() {
    List<String> told = new ArrayList<>();
    Teller teller =
        new Teller(
            new Collected() {
              @Override
              public void onPartialThinking(PartialThinking thinking) {
                told.add("thinks " + thinking.text());
              }

              @Override
              public void onPartialResponse(String piece) {
                told.add("says " + piece);
              }

              @Override
              public void onPartialToolCall(PartialToolCall call) {
                told.add(call.index() + " " + call.name() + " " + call.partialArguments());
              }

              @Override
              public void onCompleteToolCall(CompleteToolCall call) {
                told.add("calls " + call.toolExecutionRequest().arguments());
              }
            },
            new StreamingHandle() {
              @Override
              public void cancel() {}

              @Override
              public boolean isCancelled() {
                return false;
              }
            });
    teller.tell(new ChatEvent.Reasoning("hm"));
    teller.tell(new ChatEvent.Content("yes"));
    teller.tell(new ChatEvent.CallBegin(0, "call_1", "clock"));
    teller.tell(new ChatEvent.CallArguments(0, "{\"a\":"));
    teller.tell(new ChatEvent.CallArguments(0, "1}"));
    teller.tell(new ChatEvent.CallEnd(0));
    assertThat(told)
        .containsExactly(
            "thinks hm", "says yes", "0 clock {\"a\":", "0 clock 1}", "calls {\"a\":1}");
  }

  @Test
  void whatIsNotSupportedIsRefused() {
    List<ChatRequest> requests =
        List.of(
            request(r -> r.toolChoice(ToolChoice.REQUIRED)),
            request(
                r ->
                    r.messages(
                        UserMessage.from(ImageContent.from("https://example.org/picture.png")))));
    for (ChatRequest request : requests) {
      assertThatThrownBy(() -> chat.chat(request))
          .isInstanceOf(UnsupportedFeatureException.class)
          .hasMessageContaining("expected");
    }
  }

  @Test
  void errorsReachTheHandler() {
    Collected collected = new Collected();
    streaming.chat(request(r -> r.messages(UserMessage.from("word ".repeat(600)))), collected);
    assertThatThrownBy(collected.whole::join).hasCauseInstanceOf(PromptTooLongException.class);
  }

  @Test
  void cancelledStreamTellsNothingMore() throws InterruptedException {
    List<String> told = new ArrayList<>();
    CompletableFuture<Thread> teller = new CompletableFuture<>();
    streaming.chat(
        request(r -> r.maxOutputTokens(400)),
        new Collected() {
          @Override
          public void onPartialResponse(PartialResponse piece, PartialResponseContext context) {
            told.add(piece.text());
            context.streamingHandle().cancel();
            teller.complete(Thread.currentThread());
          }

          @Override
          public void onCompleteResponse(ChatResponse response) {
            told.add("complete");
          }

          @Override
          public void onError(Throwable problem) {
            told.add("error");
          }
        });
    teller.join().join();
    assertThat(told).hasSize(1).doesNotContain("complete", "error");
  }

  @Test
  void textsAreEmbedded() {
    EmbeddingModel embedding = new LocalEmbeddingModel(local);
    float[] sky = embedding.embed("The sky is blue.").content().vector();
    assertThat(sky).isEqualTo(local.embed("The sky is blue."));
    assertThat(embedding.dimension()).isEqualTo(sky.length);
    assertThatThrownBy(
            () -> embedding.embed(EmbeddingRequest.builder().input("x").dimensions(8).build()))
        .isInstanceOf(UnsupportedFeatureException.class);
  }
}
