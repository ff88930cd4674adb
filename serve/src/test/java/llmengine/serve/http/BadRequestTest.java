package llmengine.serve.http;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.http.HttpResponse;
import java.util.List;
import java.util.function.UnaryOperator;
import llmengine.serve.ScriptedGenerations;
import llmengine.serve.TestServer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BadRequestTest {
  private static final String MESSAGES = "\"messages\": [{\"role\": \"user\", \"content\": \"x\"}]";
  private static TestServer server;

  @BeforeAll
  static void start() {
    server =
        new TestServer(
            ScriptedGenerations.fast(TestServer.tokenizer(), "x"), UnaryOperator.identity());
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  private static void assertError(
      HttpResponse<String> answer, int status, String param, String code) throws IOException {
    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(status);
    var error = TestServer.json(answer).path("error");
    assertThat(error.path("param").textValue()).isEqualTo(param);
    assertThat(error.path("code").textValue()).isEqualTo(code);
    assertThat(error.path("type").textValue()).isEqualTo("invalid_request_error");
    assertThat(error.path("message").textValue()).contains("expected").contains("got");
    assertThat(answer.headers().firstValue("Content-Type")).contains("application/json");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "\"foo\": 1                                  | foo                    | unknown_parameter",
        "\"n\": 0                                    | n                      | invalid_value",
        "\"n\": 1.5                                  | n                      | invalid_type",
        "\"n\": \"1\"                                | n                      | invalid_type",
        "\"max_tokens\": -1                          | max_tokens             | invalid_value",
        "\"max_tokens\": 99999999999                 | max_tokens             | invalid_value",
        "\"max_tokens\": 1, \"max_completion_tokens\": 2 | max_tokens         | invalid_value",
        "\"temperature\": \"hot\"                    | temperature            | invalid_type",
        "\"temperature\": 2.1                        | temperature            | invalid_value",
        "\"top_p\": 0                                | top_p                  | invalid_value",
        "\"stream\": 1                               | stream                 | invalid_type",
        "\"stop\": [1]                               | stop                   | invalid_type",
        "\"stop\": [\"\"]                            | stop                   | invalid_value",
        "\"seed\": 1.5                               | seed                   | invalid_type",
        "\"logit_bias\": {\"x\": 1}                  | logit_bias             | invalid_value",
        "\"logit_bias\": {\"5\": 101}                | logit_bias.5           | invalid_value",
        "\"top_logprobs\": 3                         | top_logprobs           | invalid_value",
        "\"logprobs\": true, \"top_logprobs\": 21    | top_logprobs           | invalid_value",
        "\"stream_options\": {}                      | stream_options         | invalid_value",
        "\"store\": true                             | store                  |"
            + " unsupported_parameter",
        "\"functions\": []                           | functions              |"
            + " unsupported_parameter",
        "\"modalities\": [\"audio\"]                 | modalities             |"
            + " unsupported_parameter",
        "\"chat_template_kwargs\": {\"x\": 1}        | messages               | invalid_value",
        "\"tools\": [{}]                             | tools[0].type          |"
            + " missing_required_parameter",
        "\"tools\": [{\"type\": \"function\"}]       | tools[0].function      |"
            + " missing_required_parameter",
        "\"tool_choice\": \"maybe\"                  | tool_choice            | invalid_value",
      })
  void aFieldThatDoesNotHoldIsNamed(String fields, String param, String code)
      throws IOException, InterruptedException {
    assertError(
        server.post("/v1/chat/completions", "{" + MESSAGES + ", " + fields + "}"),
        400,
        param,
        code);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "[]                                            | messages               | invalid_value",
        "\"x\"                                         | messages               | invalid_type",
        "[1]                                           | messages[0]            | invalid_type",
        "[{\"content\": \"x\"}]                        | messages[0].role       |"
            + " missing_required_parameter",
        "[{\"role\": \"boss\", \"content\": \"x\"}]    | messages[0].role       | invalid_value",
        "[{\"role\": \"user\"}]                        | messages[0].content    |"
            + " missing_required_parameter",
        "[{\"role\": \"user\", \"content\": 1}]        | messages[0].content    | invalid_type",
        "[{\"role\": \"user\", \"content\": \"x\", \"y\": 1}] | messages[0].y   |"
            + " unknown_parameter",
        "[{\"role\": \"user\", \"content\": [{\"type\": \"image_url\"}]}] |"
            + " messages[0].content[0].type | unsupported_value",
        "[{\"role\": \"assistant\"}]                   | messages[0].content    |"
            + " missing_required_parameter",
        "[{\"role\": \"assistant\", \"content\": \"x\"}] | messages             | invalid_value",
      })
  void aMessageThatDoesNotHoldIsNamed(String messages, String param, String code)
      throws IOException, InterruptedException {
    assertError(
        server.post("/v1/chat/completions", "{\"messages\": " + messages + "}"), 400, param, code);
  }

  @Test
  void whatIsNoJsonIsNotGuessedAt() throws IOException, InterruptedException {
    for (String body :
        List.of("", "{", "[]", "null", "{} x", "{\"n\": 1, \"n\": 1}", "{\"n\": NaN}", "\u0000")) {
      assertError(server.post("/v1/chat/completions", body), 400, null, "invalid_json");
    }
    String deep = "[".repeat(100_000);
    assertError(server.post("/v1/chat/completions", deep), 400, null, "invalid_json");
  }

  @Test
  void unknownModelPathAndMethod() throws IOException, InterruptedException {
    assertError(
        server.post("/v1/chat/completions", "{" + MESSAGES + ", \"model\": \"gpt-4\"}"),
        404,
        "model",
        "model_not_found");
    assertError(server.get("/v1/nothing"), 404, null, "not_found");
    assertError(server.get("/v1/chat/completions"), 405, null, "method_not_allowed");
    assertError(server.send("DELETE", "/v1/models"), 405, null, "method_not_allowed");
  }

  @Test
  void promptsOfIds() throws IOException, InterruptedException {
    assertError(
        server.post("/v1/completions", "{\"prompt\": [5, -1]}"), 400, "prompt", "invalid_value");
    assertError(
        server.post("/v1/completions", "{\"prompt\": [[1], \"x\", []]}"),
        400,
        "prompt",
        "invalid_value");
    assertError(server.post("/v1/completions", "{\"prompt\": []}"), 400, "prompt", "invalid_value");
    assertError(server.post("/v1/completions", "{}"), 400, "prompt", "missing_required_parameter");
    assertError(
        server.post("/detokenize", "{\"tokens\": [99999]}"), 400, "tokens", "invalid_value");
  }

  @Test
  void nullIsAbsent() throws IOException, InterruptedException {
    String nulls =
        "\"n\": null, \"stop\": null, \"tools\": null, \"seed\": null, \"functions\": null";
    assertThat(
            server.post("/v1/chat/completions", "{" + MESSAGES + ", " + nulls + "}").statusCode())
        .isEqualTo(200);
  }
}
