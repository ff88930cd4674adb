package llmengine.serve.local;

import static llmengine.serve.local.LocalModel.assistant;
import static llmengine.serve.local.LocalModel.system;
import static llmengine.serve.local.LocalModel.user;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.stream.IntStream;
import llmengine.data.DataException;
import llmengine.data.template.ChatMessage;
import llmengine.data.template.ToolCall;
import llmengine.nn.generate.FinishReason;
import llmengine.nn.generate.PromptTooLongException;
import llmengine.serve.chat.ChatEvent;
import llmengine.serve.grammar.GrammarException;
import llmengine.train.config.ConfigException;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The Java API with the model of the quickstart. */
@Timeout(120)
class LocalModelTest {
  private static final String MODEL = Path.of("../examples/quickstart-model/model").toString();
  private static LocalModel model;

  @BeforeAll
  static void open() {
    model = LocalModel.open(MODEL, Map.of("template", "chatml"));
  }

  @AfterAll
  static void close() {
    model.close();
  }

  private static Ask greedy(String question) {
    return model.ask(List.of(user(question))).temperature(0);
  }

  @Test
  void aSmallCacheMakesASmallContext() {
    try (LocalModel small =
        LocalModel.open(MODEL, Map.of("template", "chatml", "kv_cache_gb", "0.00025"))) {
      assertThat(small.context()).isEqualTo(96);
    }
    assertThatThrownBy(
            () -> LocalModel.open(MODEL, Map.of("template", "chatml", "kv_cache_gb", "0.00001")))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("kv_cache_gb: too small: expected at least 0.000082");
  }

  @Test
  void anAdapterThatIsNotThereIsNamed() {
    assertThatThrownBy(
            () ->
                LocalModel.open(
                    MODEL, Map.of("template", "chatml", "lora_modules", "{a: nowhere}")))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("lora_modules a: nowhere: not an adapter");
  }

  @Test
  void aCallThatMustBeMadeNeedsTools() {
    assertThatThrownBy(() -> greedy("What time is it?").mustCall().answer())
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("expected tools and no other form, got no tools");
  }

  @Test
  void piecesOfAnAnswerJoinToItsText() {
    List<String> pieces = new ArrayList<>();
    Answer answer = greedy("Where do you live?").onText(pieces::add).answer();
    assertThat(answer.text()).isEqualTo("I live in a computer.");
    assertThat(String.join("", pieces)).isEqualTo(answer.text());
    assertThat(pieces).hasSizeGreaterThan(2);
    assertThat(answer.finish()).isEqualTo(FinishReason.STOP);
    assertThat(answer.tokens()).isGreaterThan(pieces.size() - 1).isLessThan(20);
    assertThat(answer.promptTokens()).isGreaterThan(model.tokens("Where do you live?"));
  }

  @Test
  void conversationGoesOnWithWhatWasSaid() {
    Answer answer =
        model
            .ask(
                List.of(
                    user("What colour is the sky?"),
                    assistant("The sky is blue."),
                    user("Where do you live?")))
            .system("You are brief.")
            .temperature(0)
            .answer();
    Answer same =
        model
            .ask(
                List.of(
                    system("You are brief."),
                    user("What colour is the sky?"),
                    assistant("The sky is blue."),
                    user("Where do you live?")))
            .temperature(0)
            .answer();
    assertThat(answer.text()).isNotEmpty().isEqualTo(same.text());
    assertThat(answer.promptTokens()).isEqualTo(same.promptTokens());
  }

  @Test
  void manyThreadsAtOnceGetWhatEachGetsAlone() {
    List<String> questions =
        List.of("Where do you live?", "What colour is the sky?", "Who are you?", "Count.");
    List<String> alone = questions.stream().map(q -> drawn(q).answer().text()).toList();
    List<CompletableFuture<Answer>> asked =
        IntStream.range(0, 16).mapToObj(i -> drawn(questions.get(i % 4)).start()).toList();
    for (int i = 0; i < asked.size(); i++) {
      assertThat(asked.get(i).join().text()).isEqualTo(alone.get(i % 4));
    }
  }

  private static Ask drawn(String question) {
    return model.ask(List.of(user(question))).temperature(1.5).topP(1).seed(7).maxTokens(24);
  }

  @Test
  void answerEndsAtAStopTextOrAtItsLimit() {
    Answer stopped = greedy("Where do you live?").stop(" in").answer();
    assertThat(stopped.text()).isEqualTo("I live");
    assertThat(stopped.finish()).isEqualTo(FinishReason.STOP);
    Answer cut = greedy("Where do you live?").maxTokens(2).answer();
    assertThat(cut.finish()).isEqualTo(FinishReason.LENGTH);
    assertThat(cut.tokens()).isEqualTo(2);
    assertThat("I live in a computer.").startsWith(cut.text());
  }

  @Test
  void answerHasTheFormThatIsAskedFor() throws Exception {
    String schema =
        """
        {"type": "object", "properties": {"sky": {"enum": ["blue", "grey"]}, "n": {"type": "integer"}},
         "required": ["sky", "n"], "additionalProperties": false}
        """;
    Answer answer = drawn("What colour is the sky?").maxTokens(100).jsonSchema(schema).answer();
    assertThat(answer.finish()).isEqualTo(FinishReason.STOP);
    JsonNode json = new ObjectMapper().readTree(answer.text());
    assertThat(json.path("sky").asText()).isIn("blue", "grey");
    assertThat(json.path("n").isIntegralNumber()).isTrue();
    assertThat(drawn("Hi").regex("(yes|no)!").answer().text()).isIn("yes!", "no!");
    assertThat(drawn("Hi").maxTokens(5).jsonObject().answer().text()).matches("(?s)\\s*(\\{.*)?");
    assertThatThrownBy(() -> drawn("Hi").jsonSchema("{no json"))
        .isInstanceOf(GrammarException.class)
        .hasMessageContaining("expected JSON");
  }

  @Test
  void toolCallsAreToldApartFromText() {
    String tools =
        """
        [{"type": "function", "function": {"name": "clock", "description": "Tells the time.",
          "parameters": {"type": "object", "properties": {"zone": {"type": "string"}}}}}]
        """;
    List<ChatEvent> events = new ArrayList<>();
    Answer answer =
        drawn("What time is it?")
            .maxTokens(200)
            .tools(tools)
            .regex("Action: clock\nAction Input: \\{\"zone\": \"UTC\"\\}") // what a model that can
            // would write
            .onEvent(events::add)
            .answer();
    assertThat(answer.toolCalls()).hasSize(1);
    ToolCall call = answer.toolCalls().getFirst();
    assertThat(call.name()).isEqualTo("clock");
    assertThat(call.arguments()).isEqualTo("{\"zone\": \"UTC\"}");
    assertThat(call.id()).startsWith("call_");
    assertThat(answer.text()).isEmpty();
    assertThat(events.getFirst()).isEqualTo(new ChatEvent.CallBegin(0, call.id(), "clock"));
    assertThat(events.getLast()).isEqualTo(new ChatEvent.CallEnd(0));
    Answer next =
        model
            .ask(
                List.of(
                    user("What time is it?"),
                    ChatMessage.assistant(null, null, answer.toolCalls()),
                    ChatMessage.tool("noon", call.id(), "clock")))
            .tools(tools)
            .maxTokens(4)
            .answer();
    assertThat(next.promptTokens()).isGreaterThan(answer.promptTokens());
  }

  @Test
  void thoughtIsToldApartFromTextAndFreeOfItsForm() {
    try (LocalModel thinker = LocalModel.open(MODEL, Map.of("template", "qwen3"))) {
      int thoughts = 0;
      for (int seed = 0; seed < 8; seed++) {
        Ask ask = thinker.ask(List.of(user("Is it so?"))).temperature(2).topK(0).topP(1);
        Answer answer = ask.regex("<yes>").seed(seed).maxTokens(30).answer();
        thoughts += answer.reasoning().isBlank() ? 0 : 1;
        assertThat(answer.text())
            .isEqualTo(answer.finish() == FinishReason.STOP ? "<yes>" : ""); // few thoughts end
      }
      assertThat(thoughts).isPositive();
    }
    Map<String, Object> plain = Map.of("template", "qwen3", "enable_thinking", false);
    try (LocalModel thinker = LocalModel.open(MODEL, plain)) {
      Answer answer = thinker.ask(List.of(user("Is it so?"))).regex("yes").answer();
      assertThat(answer.text()).isEqualTo("yes");
      assertThat(answer.reasoning()).isEmpty();
    }
  }

  @Test
  void textIsCompletedWithoutATemplate() {
    Answer answer = model.complete("<|im_start|>user\nHello").temperature(0).maxTokens(3).answer();
    assertThat(answer.tokens()).isEqualTo(3);
    assertThat(answer.promptTokens()).isEqualTo(model.tokens("<|im_start|>user\nHello"));
  }

  @Test
  void embeddingsHaveLengthOneAndDependOnTheText() {
    float[] sky = model.embed("The sky is blue.");
    assertThat(model.embed("The sky is blue.")).isEqualTo(sky);
    assertThat(model.embed("I live in a computer.")).hasSameSizeAs(sky).isNotEqualTo(sky);
    double length = 0;
    for (float x : sky) {
      length += x * x;
    }
    assertThat(Math.sqrt(length)).isCloseTo(1, org.assertj.core.data.Offset.offset(1e-5));
  }

  @Test
  void cancelledFutureEndsTheAnswer() throws InterruptedException {
    CountDownLatch begun = new CountDownLatch(1);
    CompletableFuture<Answer> asked =
        model
            .ask(List.of(user("Tell a story")))
            .argument("enable_thinking", null)
            .maxTokens(400)
            .onText(piece -> begun.countDown())
            .start();
    begun.await();
    asked.cancel(true);
    assertThatThrownBy(asked::join).isInstanceOf(CancellationException.class);
    assertThat(greedy("Where do you live?").answer().text()).isEqualTo("I live in a computer.");
  }

  @Test
  void listenersExceptionReachesTheCallerAndTheModelGoesOn() {
    Ask ask =
        greedy("Where do you live?")
            .onText(
                piece -> {
                  throw new IllegalStateException("enough");
                });
    assertThatThrownBy(ask::answer).hasMessage("enough");
    assertThat(greedy("Where do you live?").answer().text()).isEqualTo("I live in a computer.");
  }

  @Test
  void whatCannotBeAnsweredSaysWhy() {
    assertThatThrownBy(() -> greedy("word ".repeat(600)).answer())
        .isInstanceOf(PromptTooLongException.class)
        .hasMessageContaining("511");
    assertThatThrownBy(() -> model.chat(List.of(user("Hi"), assistant("Hello"))))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("expected a last message of user or tool");
    assertThatThrownBy(() -> greedy("Hi").topP(7).answer())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("top_p");
    assertThatThrownBy(() -> greedy("Hi").model("nobody").answer())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("nobody");
    assertThatThrownBy(() -> LocalModel.open(MODEL, Map.of("tempalte", "chatml")))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("tempalte");
  }
}
