package llmengine.serve.openai;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.core.JsonValue;
import com.openai.core.http.StreamResponse;
import com.openai.errors.BadRequestException;
import com.openai.errors.NotFoundException;
import com.openai.errors.RateLimitException;
import com.openai.helpers.ChatCompletionAccumulator;
import com.openai.models.chat.completions.ChatCompletion;
import com.openai.models.chat.completions.ChatCompletionChunk;
import com.openai.models.chat.completions.ChatCompletionCreateParams;
import com.openai.models.chat.completions.ChatCompletionStreamOptions;
import com.openai.models.chat.completions.ChatCompletionTokenLogprob;
import com.openai.models.completions.Completion;
import com.openai.models.completions.CompletionCreateParams;
import com.openai.models.models.Model;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import llmengine.data.Tokenizer;
import llmengine.serve.ScriptedGenerations;
import llmengine.serve.TestServer;
import org.junit.jupiter.api.Test;

/** The official client is the judge. */
class OpenAiClientTest {
  private static final Tokenizer TOKENIZER = TestServer.tokenizer();
  private static final String TEXT = "Grüße, 世界! 👩‍🚀 The end. And more.";

  private static OpenAIClient client(TestServer server) {
    return OpenAIOkHttpClient.builder()
        .baseUrl(server.url() + "/v1")
        .apiKey("none")
        .maxRetries(0)
        .responseValidation(true)
        .build();
  }

  private static ChatCompletionCreateParams.Builder chat(String text) {
    return ChatCompletionCreateParams.builder().model("model").addUserMessage(text);
  }

  private static TestServer server(ScriptedGenerations generations) {
    return new TestServer(generations, UnaryOperator.identity());
  }

  @Test
  void aWholeAnswer() {
    try (TestServer server = server(ScriptedGenerations.fast(TOKENIZER, TEXT))) {
      ChatCompletion answer = client(server).chat().completions().create(chat("Hello").build());

      ChatCompletion.Choice choice = answer.choices().getFirst();
      assertThat(choice.message().content()).contains(TEXT);
      assertThat(choice.finishReason()).isEqualTo(ChatCompletion.Choice.FinishReason.STOP);
      assertThat(answer.model()).isEqualTo("model");
      assertThat(answer.usage().orElseThrow().completionTokens())
          .isEqualTo(TOKENIZER.encode(TEXT).length);
      assertThat(answer.usage().orElseThrow().promptTokensDetails().orElseThrow().cachedTokens())
          .contains(3L);
    }
  }

  @Test
  void aStreamIsTheSameAnswerInWholeCharacters() {
    try (TestServer server = server(ScriptedGenerations.fast(TOKENIZER, TEXT))) {
      ChatCompletionAccumulator sum = ChatCompletionAccumulator.create();
      ChatCompletionCreateParams request =
          chat("Hello")
              .streamOptions(ChatCompletionStreamOptions.builder().includeUsage(true).build())
              .build();
      StringBuilder text = new StringBuilder();
      try (StreamResponse<ChatCompletionChunk> stream =
          client(server).chat().completions().createStreaming(request)) {
        stream.stream()
            .peek(sum::accumulate)
            .flatMap(chunk -> chunk.choices().stream())
            .flatMap(choice -> choice.delta().content().stream())
            .peek(piece -> assertThat(piece).doesNotContain("\uFFFD"))
            .forEach(text::append);
      }
      assertThat(text.toString()).isEqualTo(TEXT);
      ChatCompletion whole = sum.chatCompletion();
      assertThat(whole.choices().getFirst().message().content()).contains(TEXT);
      assertThat(whole.usage().orElseThrow().totalTokens())
          .isEqualTo(whole.usage().orElseThrow().promptTokens() + TOKENIZER.encode(TEXT).length);
    }
  }

  @Test
  void severalChoicesStreamed() {
    try (TestServer server = server(ScriptedGenerations.fast(TOKENIZER, "One.", "Two and more."))) {
      ChatCompletionAccumulator sum = ChatCompletionAccumulator.create();
      try (StreamResponse<ChatCompletionChunk> stream =
          client(server)
              .chat()
              .completions()
              .createStreaming(chat("Hello").n(2).maxCompletionTokens(3).build())) {
        stream.stream().forEach(sum::accumulate);
      }
      List<ChatCompletion.Choice> choices = sum.chatCompletion().choices();
      assertThat(choices).hasSize(2);
      assertThat(choices.get(0).message().content()).contains("One.");
      assertThat(choices.get(1).finishReason())
          .isEqualTo(ChatCompletion.Choice.FinishReason.LENGTH);
    }
  }

  @Test
  void stopTextsAreNeverSent() {
    try (TestServer server = server(ScriptedGenerations.fast(TOKENIZER, TEXT))) {
      for (String stop : List.of("The", "世界", "🚀", " end.", ". And", "d m")) {
        ChatCompletionAccumulator sum = ChatCompletionAccumulator.create();
        try (StreamResponse<ChatCompletionChunk> stream =
            client(server).chat().completions().createStreaming(chat("x").stop(stop).build())) {
          stream.stream().forEach(sum::accumulate);
        }
        assertThat(sum.chatCompletion().choices().getFirst().message().content())
            .contains(TEXT.substring(0, TEXT.indexOf(stop)));
        assertThat(
                client(server)
                    .chat()
                    .completions()
                    .create(chat("x").stop(stop).build())
                    .choices()
                    .getFirst()
                    .message()
                    .content())
            .contains(TEXT.substring(0, TEXT.indexOf(stop)));
      }
    }
  }

  @Test
  void logprobsOfEveryToken() {
    try (TestServer server = server(ScriptedGenerations.fast(TOKENIZER, TEXT))) {
      ChatCompletionCreateParams request = chat("x").logprobs(true).topLogprobs(1).build();
      List<ChatCompletionTokenLogprob> whole =
          client(server)
              .chat()
              .completions()
              .create(request)
              .choices()
              .getFirst()
              .logprobs()
              .orElseThrow()
              .content()
              .orElseThrow();
      ChatCompletionAccumulator sum = ChatCompletionAccumulator.create();
      try (StreamResponse<ChatCompletionChunk> stream =
          client(server).chat().completions().createStreaming(request)) {
        stream.stream().forEach(sum::accumulate);
      }
      assertThat(whole).hasSize(TOKENIZER.encode(TEXT).length);
      assertThat(whole).allSatisfy(token -> assertThat(token.topLogprobs()).hasSize(1));
      assertThat(
              sum.chatCompletion()
                  .choices()
                  .getFirst()
                  .logprobs()
                  .orElseThrow()
                  .content()
                  .orElseThrow())
          .isEqualTo(whole);
    }
  }

  @Test
  void whatIsAskedReachesTheScheduler() {
    ScriptedGenerations generations = ScriptedGenerations.fast(TOKENIZER, "Yes.");
    try (TestServer server = server(generations)) {
      client(server)
          .chat()
          .completions()
          .create(
              chat("Hello")
                  .model("adapter")
                  .seed(7)
                  .temperature(0.3)
                  .topP(0.4)
                  .presencePenalty(0.5)
                  .frequencyPenalty(-0.5)
                  .maxCompletionTokens(9)
                  .user("someone")
                  .putAdditionalBodyProperty("top_k", JsonValue.from(5))
                  .putAdditionalBodyProperty("min_p", JsonValue.from(0.1))
                  .logitBias(
                      ChatCompletionCreateParams.LogitBias.builder()
                          .putAdditionalProperty("17", JsonValue.from(-100))
                          .build())
                  .build());

      var asked = generations.asked;
      assertThat(asked.model()).isEqualTo("adapter");
      assertThat(asked.client()).isEqualTo("someone");
      assertThat(asked.options().seed()).isEqualTo(7);
      assertThat(asked.options().temperature()).isEqualTo(0.3);
      assertThat(asked.options().topP()).isEqualTo(0.4);
      assertThat(asked.options().topK()).isEqualTo(5);
      assertThat(asked.options().minP()).isEqualTo(0.1);
      assertThat(asked.options().presencePenalty()).isEqualTo(0.5);
      assertThat(asked.options().frequencyPenalty()).isEqualTo(-0.5);
      assertThat(asked.options().maxNewTokens()).isEqualTo(9);
      assertThat(asked.options().sequenceBias().getFirst().ids()).containsExactly(17);
      assertThat(asked.topLogprobs()).isEqualTo(-1);
      assertThat(TOKENIZER.decode(asked.prompt(), false))
          .contains("<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n");
    }
  }

  private static final String CALLS =
      "<tool_call>\n"
          + "{\"name\": \"weather\", \"arguments\": {\"city\": \"Köln\"}}\n"
          + "</tool_call>\n"
          + "<tool_call>\n"
          + "{\"name\": \"weather\", \"arguments\": {\"city\": \"Bonn\"}}\n"
          + "</tool_call>";

  private static ChatCompletionCreateParams.Builder withTool(String text) {
    return chat(text)
        .addTool(
            com.openai.models.chat.completions.ChatCompletionFunctionTool.builder()
                .function(
                    com.openai.models.FunctionDefinition.builder()
                        .name("weather")
                        .description("The weather of a city.")
                        .parameters(
                            com.openai.models.FunctionParameters.builder()
                                .putAdditionalProperty("type", JsonValue.from("object"))
                                .putAdditionalProperty(
                                    "properties",
                                    JsonValue.from(Map.of("city", Map.of("type", "string"))))
                                .build())
                        .build())
                .build());
  }

  private static List<String> calls(ChatCompletion answer) {
    return answer.choices().getFirst().message().toolCalls().orElse(List.of()).stream()
        .map(call -> call.asFunction().function())
        .map(function -> function.name() + " " + function.arguments())
        .toList();
  }

  @Test
  void callsOfToolsStreamedAndNot() {
    try (TestServer server = server(ScriptedGenerations.fast(TOKENIZER, CALLS))) {
      ChatCompletion whole =
          client(server).chat().completions().create(withTool("How is it?").build());
      assertThat(calls(whole))
          .containsExactly("weather {\"city\": \"Köln\"}", "weather {\"city\": \"Bonn\"}");
      assertThat(whole.choices().getFirst().finishReason())
          .isEqualTo(ChatCompletion.Choice.FinishReason.TOOL_CALLS);
      assertThat(whole.choices().getFirst().message().content()).isEmpty();

      ChatCompletionAccumulator sum = ChatCompletionAccumulator.create();
      try (StreamResponse<ChatCompletionChunk> stream =
          client(server).chat().completions().createStreaming(withTool("How is it?").build())) {
        stream.stream().forEach(sum::accumulate);
      }
      assertThat(calls(sum.chatCompletion())).isEqualTo(calls(whole));
      assertThat(sum.chatCompletion().choices().getFirst().finishReason())
          .isEqualTo(ChatCompletion.Choice.FinishReason.TOOL_CALLS);

      ChatCompletion one =
          client(server)
              .chat()
              .completions()
              .create(withTool("How is it?").parallelToolCalls(false).build());
      assertThat(calls(one)).containsExactly("weather {\"city\": \"Köln\"}");
    }
  }

  @Test
  void withoutToolsACallIsText() {
    try (TestServer server = server(ScriptedGenerations.fast(TOKENIZER, CALLS))) {
      ChatCompletion answer = client(server).chat().completions().create(chat("x").build());
      assertThat(answer.choices().getFirst().message().content()).contains(CALLS);
      assertThat(calls(answer)).isEmpty();
    }
  }

  @Test
  void aThoughtIsToldApart() throws Exception {
    try (TestServer server =
        new TestServer(
            ScriptedGenerations.fast(TOKENIZER, "<think>\nHm.\n</think>\n\nYes."),
            "qwen3",
            UnaryOperator.identity())) {
      var message =
          TestServer.json(
                  server.post(
                      "/v1/chat/completions",
                      "{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}],"
                          + " \"enable_thinking\": true}"))
              .at("/choices/0/message");
      assertThat(message.path("content").textValue()).isEqualTo("Yes.");
      assertThat(message.path("reasoning_content").textValue()).isEqualTo("Hm.");
    }
  }

  @Test
  void textCompletionsOfSeveralPrompts() {
    try (TestServer server = server(ScriptedGenerations.fast(TOKENIZER, " and so on"))) {
      CompletionCreateParams request =
          CompletionCreateParams.builder()
              .model("model")
              .promptOfArrayOfStrings(List.of("This", "That"))
              .logprobs(1L)
              .build();
      Completion answer = client(server).completions().create(request);

      assertThat(answer.choices()).hasSize(2);
      assertThat(answer.choices()).allSatisfy(c -> assertThat(c.text()).isEqualTo(" and so on"));
      assertThat(answer.choices().get(1).logprobs().orElseThrow().tokens().orElseThrow())
          .hasSize(TOKENIZER.encode(" and so on").length);
      StringBuilder streamed = new StringBuilder();
      // OpenAI's own streams have finish_reason null here, which the client's validation refuses
      OpenAIClient lenient =
          OpenAIOkHttpClient.builder().baseUrl(server.url() + "/v1").apiKey("none").build();
      try (StreamResponse<Completion> stream = lenient.completions().createStreaming(request)) {
        stream.stream()
            .flatMap(chunk -> chunk.choices().stream())
            .filter(choice -> choice.index() == 1)
            .forEach(choice -> streamed.append(choice.text()));
      }
      assertThat(streamed.toString()).isEqualTo(" and so on");
    }
  }

  @Test
  void modelsAreListed() {
    try (TestServer server = server(ScriptedGenerations.fast(TOKENIZER, "x"))) {
      List<Model> models = client(server).models().list().data();
      assertThat(models).extracting(Model::id).containsExactly("model", "adapter");
    }
  }

  @Test
  void errorsAreTheClientsOwnExceptions() {
    ScriptedGenerations generations = ScriptedGenerations.fast(TOKENIZER, "x");
    try (TestServer server = server(generations)) {
      OpenAIClient client = client(server);
      assertThatThrownBy(() -> client.chat().completions().create(chat("x").temperature(3).build()))
          .isInstanceOfSatisfying(
              BadRequestException.class,
              e -> {
                assertThat(e.param()).contains("temperature");
                assertThat(e.code()).contains("invalid_value");
              });
      assertThatThrownBy(() -> client.chat().completions().create(chat("x").model("gpt-4").build()))
          .isInstanceOfSatisfying(
              NotFoundException.class, e -> assertThat(e.code()).contains("model_not_found"));
      generations.refuse(1);
      assertThatThrownBy(() -> client.chat().completions().create(chat("x").build()))
          .isInstanceOfSatisfying(
              RateLimitException.class,
              e -> assertThat(e.headers().values("Retry-After")).containsExactly("1"));
    }
  }

  @Test
  void aRefusedRequestIsTriedAgainByTheClient() {
    ScriptedGenerations generations = ScriptedGenerations.fast(TOKENIZER, "x");
    generations.refuse(1);
    try (TestServer server = server(generations)) {
      OpenAIClient patient =
          OpenAIOkHttpClient.builder().baseUrl(server.url() + "/v1").apiKey("none").build();
      assertThat(
              patient
                  .chat()
                  .completions()
                  .create(chat("x").build())
                  .choices()
                  .getFirst()
                  .message()
                  .content())
          .contains("x");
    }
  }

  @Test
  void aClosedStreamEndsTheWork() throws InterruptedException {
    ScriptedGenerations generations = ScriptedGenerations.paced(TOKENIZER, TEXT);
    try (TestServer server = server(generations)) {
      generations.allow(2);
      StreamResponse<ChatCompletionChunk> stream =
          client(server).chat().completions().createStreaming(chat("x").build());
      assertThat(stream.stream().limit(2).count()).isEqualTo(2);
      stream.close();

      assertThat(generations.gone.await(20, TimeUnit.SECONDS)).isTrue();
    }
  }
}
