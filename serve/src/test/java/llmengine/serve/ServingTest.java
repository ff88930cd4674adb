package llmengine.serve;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.models.chat.completions.ChatCompletion;
import com.openai.models.chat.completions.ChatCompletionCreateParams;
import com.openai.models.chat.completions.ChatCompletionTokenLogprob;
import com.openai.models.embeddings.Embedding;
import com.openai.models.embeddings.EmbeddingCreateParams;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import llmengine.data.Message;
import llmengine.data.Role;
import llmengine.data.Tokenizer;
import llmengine.data.template.ChatTemplate;
import llmengine.engine.Backend;
import llmengine.engine.cpu.VectorBackend;
import llmengine.nn.Decoder;
import llmengine.nn.load.Pretrained;
import llmengine.peft.Adapters;
import llmengine.peft.LoraConfig;
import llmengine.peft.Targets;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The whole way with a real model: the quickstart's, of 2.4 million weights. */
class ServingTest {
  private static Serving serving;
  private static OpenAIClient client;

  @BeforeAll
  static void start(@TempDir Path adapters) throws IOException {
    adapter(adapters.resolve("lora"));
    serving =
        new Serving(
            TestServer.config(
                "template=chatml",
                "lora_modules={first: " + adapters.resolve("lora") + "}",
                "api_adapter_folder=" + adapters),
            Map.of(),
            line -> {});
    client =
        OpenAIOkHttpClient.builder()
            .baseUrl("http://localhost:" + serving.port() + "/v1")
            .apiKey("none")
            .maxRetries(0)
            .build();
  }

  @AfterAll
  static void stop() {
    client.close();
    serving.close();
  }

  /** An adapter of the model that changes its answers. */
  private static void adapter(Path folder) throws IOException {
    Files.createDirectories(folder);
    try (Pretrained files = Pretrained.open(TestServer.MODEL);
        Backend backend = new VectorBackend();
        Decoder decoder = files.load(backend);
        Adapters made = Adapters.create(decoder, LoraConfig.of(4, 64, new Targets.All()), 1)) {
      SplittableRandom random = new SplittableRandom(1);
      made.parameters()
          .forEach(
              p -> {
                float[] values = p.value().toFloats();
                for (int i = 0; i < values.length; i++) {
                  values[i] += (float) (0.2 * random.nextGaussian());
                }
                p.value().set(values);
              });
      made.save(folder, "base");
    }
  }

  @Test
  void adaptersAreAskedForByNameAndComeAndGo() throws IOException, InterruptedException {
    String ask =
        "{\"model\": \"%s\", \"messages\": [{\"role\": \"user\", \"content\": \"Who are you?\"}],"
            + " \"temperature\": 0, \"max_tokens\": 8}";
    String first = content(post("/v1/chat/completions", ask.formatted("first")));
    assertThat(first).isNotEqualTo("I am a small language model.");

    post("/v1/load_lora_adapter", "{\"lora_name\": \"second\", \"lora_path\": \"lora\"}", 200);
    assertThat(content(post("/v1/chat/completions", ask.formatted("second")))).isEqualTo(first);
    assertThat(client.models().list().data())
        .extracting(m -> m.id())
        .containsExactly("model", "first", "second");
    post("/v1/load_lora_adapter", "{\"lora_name\": \"second\", \"lora_path\": \"lora\"}", 400);
    for (String path : List.of("..", "/etc", "none", "lora/../..")) {
      post("/v1/load_lora_adapter", "{\"lora_name\": \"x\", \"lora_path\": \"" + path + "\"}", 400);
    }
    post("/v1/unload_lora_adapter", "{\"lora_name\": \"second\"}", 200);
    post("/v1/unload_lora_adapter", "{\"lora_name\": \"second\"}", 404);
    assertThat(post("/v1/chat/completions", ask.formatted("second")).at("/error/code").textValue())
        .isEqualTo("model_not_found");
  }

  private static void post(String path, String body, int status)
      throws IOException, InterruptedException {
    try (HttpClient http = HttpClient.newHttpClient()) {
      HttpRequest request =
          HttpRequest.newBuilder(URI.create("http://localhost:" + serving.port() + path))
              .POST(HttpRequest.BodyPublishers.ofString(body))
              .build();
      HttpResponse<String> answer = http.send(request, HttpResponse.BodyHandlers.ofString());
      assertThat(answer.statusCode()).as(answer.body()).isEqualTo(status);
    }
  }

  private static ChatCompletionCreateParams.Builder chat(String text) {
    return ChatCompletionCreateParams.builder().model("model").addUserMessage(text);
  }

  private static String text(ChatCompletion answer, int choice) {
    return answer.choices().get(choice).message().content().orElseThrow();
  }

  private static JsonNode post(String path, String body) throws IOException, InterruptedException {
    try (HttpClient http = HttpClient.newHttpClient()) {
      HttpRequest request =
          HttpRequest.newBuilder(URI.create("http://localhost:" + serving.port() + path))
              .POST(HttpRequest.BodyPublishers.ofString(body))
              .build();
      return new ObjectMapper()
          .readTree(http.send(request, HttpResponse.BodyHandlers.ofString()).body());
    }
  }

  @Test
  void theModelAnswers() {
    ChatCompletion answer =
        client.chat().completions().create(chat("Who are you?").temperature(0).build());
    assertThat(text(answer, 0)).isEqualTo("I am a small language model.");
  }

  @Test
  void aSeedRepeatsAnswersAndChoicesDiffer() {
    ChatCompletionCreateParams request =
        chat("Tell me about the sea.")
            .n(3)
            .seed(5)
            .temperature(2)
            .topP(1)
            .maxCompletionTokens(12)
            .build();
    ChatCompletion one = client.chat().completions().create(request);
    ChatCompletion two = client.chat().completions().create(request);

    assertThat(one.choices()).hasSize(3);
    for (int i = 0; i < 3; i++) {
      assertThat(text(one, i)).isEqualTo(text(two, i));
    }
    assertThat(List.of(text(one, 0), text(one, 1), text(one, 2))).doesNotHaveDuplicates();
  }

  @Test
  void theChosenTokenOfAGreedyAnswerIsTheLikeliest() {
    ChatCompletion answer =
        client
            .chat()
            .completions()
            .create(
                chat("What colour is the sky?")
                    .temperature(0)
                    .logprobs(true)
                    .topLogprobs(5)
                    .build());
    List<ChatCompletionTokenLogprob> tokens =
        answer.choices().getFirst().logprobs().orElseThrow().content().orElseThrow();
    assertThat(tokens).isNotEmpty();
    assertThat(tokens)
        .allSatisfy(
            token -> {
              assertThat(token.topLogprobs()).hasSize(5);
              assertThat(token.topLogprobs().getFirst().token()).isEqualTo(token.token());
              assertThat(token.logprob()).isLessThanOrEqualTo(0);
            });
    StringBuilder joined = new StringBuilder();
    tokens.forEach(token -> joined.append(token.token()));
    assertThat(joined.toString()).isEqualTo(text(answer, 0));
  }

  @Test
  void aBiasForbidsAToken() throws IOException, InterruptedException {
    int blue = serving.model().tokenizer().encode(" blue")[0];
    ChatCompletion answer =
        client
            .chat()
            .completions()
            .create(
                chat("What colour is the sky?")
                    .temperature(0)
                    .logitBias(
                        ChatCompletionCreateParams.LogitBias.builder()
                            .putAdditionalProperty(
                                Integer.toString(blue), com.openai.core.JsonValue.from(-100))
                            .build())
                    .build());
    assertThat(text(answer, 0)).startsWith("The sky is").doesNotContain("blue");
  }

  @Test
  void anAnswerHasTheFormThatWasAskedFor() throws IOException, InterruptedException {
    String ask = "{\"messages\": [{\"role\": \"user\", \"content\": \"Who are you?\"}], %s}";
    String schema =
        "{\"type\": \"object\", \"properties\": {\"name\": {\"enum\": [\"Tavi\", \"Tom\"]},"
            + " \"wise\": {\"type\": \"boolean\"}}, \"required\": [\"name\", \"wise\"],"
            + " \"additionalProperties\": false}";
    String format =
        "\"response_format\": {\"type\": \"json_schema\", \"json_schema\": {\"name\": \"x\","
            + " \"schema\": %s}}";
    JsonNode answer =
        new ObjectMapper()
            .readTree(
                content(post("/v1/chat/completions", ask.formatted(format.formatted(schema)))));
    assertThat(answer.path("name").textValue()).isIn("Tavi", "Tom");
    assertThat(answer.path("wise").isBoolean()).isTrue();

    String regex = "\"guided_regex\": \"(yes|no), [0-9]{3}\"";
    assertThat(content(post("/v1/chat/completions", ask.formatted(regex))))
        .matches("(yes|no), [0-9]{3}");
    String grammar = "\"grammar\": \"root ::= \\\"a\\\" | \\\"b\\\"\"";
    assertThat(content(post("/v1/chat/completions", ask.formatted(grammar)))).isIn("a", "b");

    JsonNode error =
        post("/v1/chat/completions", ask.formatted("\"grammar\": \"root := 1\"")).path("error");
    assertThat(error.path("param").textValue()).isEqualTo("grammar");
    assertThat(error.path("code").textValue()).isEqualTo("invalid_value");
    error = post("/v1/chat/completions", ask.formatted(regex + ", " + grammar)).path("error");
    assertThat(error.path("message").textValue()).contains("a second form");
  }

  @Test
  void aCallThatIsRequiredIsMade() throws IOException, InterruptedException {
    String ask =
        "{\"messages\": [{\"role\": \"user\", \"content\": \"Who are you?\"}], \"max_tokens\": 80,"
            + " \"parallel_tool_calls\": false, \"tools\": [%s, %s], \"tool_choice\": %s}";
    String tool =
        "{\"type\": \"function\", \"function\": {\"name\": \"%s\", \"parameters\": {\"type\":"
            + " \"object\", \"properties\": {\"way\": {\"enum\": [\"up\", \"down\"]}},"
            + " \"required\": [\"way\"], \"additionalProperties\": false}}}";
    String named = "{\"type\": \"function\", \"function\": {\"name\": \"look\"}}";
    for (String choice : List.of("\"required\"", named)) {
      JsonNode answer =
          post(
              "/v1/chat/completions",
              ask.formatted(tool.formatted("look"), tool.formatted("walk"), choice));
      JsonNode call = answer.at("/choices/0/message/tool_calls/0/function");
      assertThat(call.path("name").asText()).as(answer.toString()).isIn("look", "walk");
      if (choice.equals(named)) {
        assertThat(call.path("name").asText()).isEqualTo("look");
      }
      JsonNode arguments = new ObjectMapper().readTree(call.path("arguments").asText());
      assertThat(arguments.path("way").asText()).isIn("up", "down");
      assertThat(answer.at("/choices/0/finish_reason").asText()).isEqualTo("tool_calls");
    }
    assertThat(
            post(
                    "/v1/chat/completions",
                    ask.formatted(tool.formatted("look"), tool.formatted("walk"), "\"required\"")
                        .replace("\"max_tokens\"", "\"guided_regex\": \"a\", \"max_tokens\""))
                .at("/error/param")
                .asText())
        .isEqualTo("guided_regex");
  }

  private static String content(JsonNode answer) {
    return answer.at("/choices/0/message/content").textValue();
  }

  @Test
  void embeddingsAreVectorsOfLengthOne() {
    List<Embedding> data =
        client
            .embeddings()
            .create(
                EmbeddingCreateParams.builder()
                    .model("model")
                    .inputOfArrayOfStrings(List.of("The sea.", "The sea.", "A hill."))
                    .build())
            .data();
    assertThat(data).hasSize(3);
    assertThat(data.get(0).embedding()).isEqualTo(data.get(1).embedding());
    assertThat(data.get(0).embedding()).isNotEqualTo(data.get(2).embedding());
    double square = data.get(2).embedding().stream().mapToDouble(x -> x * x).sum();
    assertThat(square).isBetween(0.999, 1.001);
  }

  @Test
  void thePagesAreServed() throws IOException, InterruptedException {
    try (HttpClient http =
        HttpClient.newBuilder().followRedirects(HttpClient.Redirect.NORMAL).build()) {
      for (String path : List.of("/", "/docs", "/docs/openapi.yaml", "/docs/swagger-ui.js")) {
        HttpRequest request =
            HttpRequest.newBuilder(URI.create("http://localhost:" + serving.port() + path)).build();
        assertThat(http.send(request, HttpResponse.BodyHandlers.ofString()).statusCode())
            .as(path)
            .isEqualTo(200);
      }
    }
  }

  @Test
  void aModelThatWritesDoesNotScore() throws IOException, InterruptedException {
    JsonNode error =
        post("/v1/score/evaluation", "{\"model\": \"m\", \"messages\": [\"x\"]}").path("error");
    assertThat(error.path("code").textValue()).isEqualTo("not_a_reward_model");
  }

  @Test
  void aPromptThatDoesNotFitIsAnErrorWithBothNumbers() throws IOException, InterruptedException {
    JsonNode error =
        post(
                "/v1/chat/completions",
                "{\"messages\": [{\"role\": \"user\", \"content\": \""
                    + "word ".repeat(2000)
                    + "\"}]}")
            .path("error");
    assertThat(error.path("code").textValue()).isEqualTo("context_length_exceeded");
    assertThat(error.path("message").textValue()).contains("511 tokens, got 20");
  }

  @Test
  void servingTokensAreTrainingTokens() throws IOException, InterruptedException {
    String question = "What is two plus three?";
    String answer = "Two plus three is five.";
    ChatTemplate template = ChatTemplate.named("chatml");
    Tokenizer tokenizer = template.fixSpecialTokens(TestServer.tokenizer());
    List<Message> trained =
        List.of(
            new Message(Role.USER, question),
            new Message(Role.ASSISTANT, answer),
            new Message(Role.USER, "And four plus one?"),
            new Message(Role.ASSISTANT, "Five too."));
    int[] expected = template.encodeOneturn(tokenizer, trained, "Be brief.", null).source();

    JsonNode served =
        post(
            "/tokenize",
            """
            {"messages": [{"role": "system", "content": "Be brief."},
             {"role": "user", "content": "%s"}, {"role": "assistant", "content": "%s"},
             {"role": "user", "content": "And four plus one?"}]}
            """
                .formatted(question, answer));

    assertThat(served.path("count").intValue()).isEqualTo(expected.length);
    for (int i = 0; i < expected.length; i++) {
      assertThat(served.path("tokens").get(i).intValue()).isEqualTo(expected[i]);
    }
  }

  @Test
  void tokensAndTextAreEachOthersInverse() throws IOException, InterruptedException {
    JsonNode tokens =
        post("/tokenize", "{\"prompt\": \"Grüße, 世界!\", \"return_token_strs\": true}");
    assertThat(tokens.path("token_strs").size()).isEqualTo(tokens.path("count").intValue());
    JsonNode text = post("/detokenize", "{\"tokens\": " + tokens.path("tokens") + "}");
    assertThat(text.path("prompt").textValue()).isEqualTo("Grüße, 世界!");
  }
}
