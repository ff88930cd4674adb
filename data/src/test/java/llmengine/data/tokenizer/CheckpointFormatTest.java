package llmengine.data.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import llmengine.data.DataException;
import llmengine.data.template.Chat;
import llmengine.data.template.ChatFormat;
import llmengine.data.template.ChatMessage;
import llmengine.data.template.ChatTemplate;
import llmengine.data.template.CheckpointFormat;
import llmengine.data.template.ToolCall;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CheckpointFormatTest {
  private static final ChatMessage HI = ChatMessage.of("user", "Hi");
  private static final String TEMPLATE =
      """
      {{ bos_token }}{% for m in messages %}
      [{{ m.role }}]
      {%- if m.reasoning_content is defined %}({{ m.reasoning_content }}){% endif %}
      {{- m.content }}
      {%- for c in m.tool_calls or [] %}{{ c.function.name }}{{ c.function.arguments.zone }}\
      {% endfor %}
      {%- if m.role == 'assistant' %}{{ eos_token }}{% endif %}
      {% endfor %}
      {% if tools %}{{ tools | tojson }}{% endif %}
      {% if add_generation_prompt %}[assistant]{% if enable_thinking is false %}!{% endif %}
      {%- endif %}
      """;

  @TempDir Path dir;

  private HuggingFaceTokenizer tokenizer(String template) throws IOException {
    Path copy = Files.createTempDirectory(dir, "tokenizer");
    return HuggingFaceTokenizer.load(Fixture.copyTo(copy)).withChatTemplate(template);
  }

  private CheckpointFormat format(String template) throws IOException {
    return CheckpointFormat.of(tokenizer(template), Map.of(), Optional.empty(), List.of());
  }

  private static Chat chat(ChatMessage... messages) {
    return new Chat(List.of(messages), "", Map.of());
  }

  @Test
  void rendersMessagesOnceWithTheirSpecialTokens() throws IOException {
    CheckpointFormat format = format(TEMPLATE);
    assertThat(format.text(chat(HI))).isEqualTo("<|start|>[user]Hi[assistant]");
    // bos as the template writes it, once, and as one id
    assertThat(format.prompt(chat(HI))).startsWith(Fixture.START);
    assertThat(format.prompt(chat(HI))).containsOnlyOnce(Fixture.START);
    ChatMessage call =
        ChatMessage.assistant(
            null, "why", List.of(new ToolCall("1", "now", "{\"zone\": \"utc\"}")));
    assertThat(format.text(chat(HI, call, ChatMessage.tool("noon", "1", "now"))))
        .isEqualTo("<|start|>[user]Hi[assistant](why)nowutc<|end|>[tool]noon[assistant]");
  }

  @Test
  void argumentsAndToolsAreVariablesOfTheTemplate() throws IOException {
    CheckpointFormat format = format(TEMPLATE);
    String tools = "[{\"type\": \"function\", \"function\": {\"name\": \"now\"}}]";
    assertThat(format.text(new Chat(List.of(HI), tools, Map.of("enable_thinking", false))))
        .endsWith("[{\"type\": \"function\", \"function\": {\"name\": \"now\"}}][assistant]!");
    assertThatThrownBy(() -> format.text(new Chat(List.of(HI), "", Map.of("effort", "low"))))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("effort");
    assertThatThrownBy(() -> format.text(new Chat(List.of(HI), "", Map.of("messages", List.of()))))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("messages stands beside chat_template_kwargs");
    CheckpointFormat plain = format("{% for m in messages %}{{ m.content }}{% endfor %}");
    assertThatThrownBy(() -> plain.text(new Chat(List.of(HI), tools, Map.of())))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("no place for tools");
    assertThatThrownBy(() -> format.text(new Chat(List.of(HI), "{}", Map.of())))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("not a list");
  }

  @Test
  void settingsAndSystemTextComeFromTheConfiguration() throws IOException {
    CheckpointFormat format =
        CheckpointFormat.of(
            tokenizer(TEMPLATE), Map.of("enable_thinking", false), Optional.of("S"), List.of(7));
    assertThat(format.text(chat(HI))).isEqualTo("<|start|>[system]S[user]Hi[assistant]!");
    assertThat(format.text(chat(ChatMessage.of("developer", "D"), HI))).contains("[system]D");
    assertThat(format.text(new Chat(List.of(HI), "", Map.of("enable_thinking", true))))
        .endsWith("[assistant]");
    assertThat(format.stopIds()).containsExactly(Fixture.END, 7);
    HuggingFaceTokenizer silent = tokenizer("{{ messages }}");
    assertThatThrownBy(
            () ->
                CheckpointFormat.of(
                    silent, Map.of("enable_thinking", false), Optional.empty(), List.of()))
        .isInstanceOf(DataException.class)
        .hasMessageStartingWith("enable_thinking: the checkpoint's chat_template does not read it");
  }

  @Test
  void theTokenBehindAnAnswerEndsOne() throws IOException {
    String template = TEMPLATE.replace("{{ eos_token }}", "<|start|>");
    assertThat(format(template).stopIds()).containsExactly(Fixture.END, Fixture.START);
    // a template that refuses the probe leaves eos
    assertThat(format("{{ raise_exception('no') }}").stopIds()).containsExactly(Fixture.END);
  }

  @Test
  void aTemplatesOwnRefusalNamesItsLine() throws IOException {
    CheckpointFormat format = format("\n{{ raise_exception('no system') }}");
    assertThatThrownBy(() -> format.prompt(chat(HI)))
        .isInstanceOf(DataException.class)
        .hasMessage("chat_template: line 2: no system");
    assertThatThrownBy(() -> format("{% if %}"))
        .isInstanceOf(DataException.class)
        .hasMessageStartingWith("chat_template: line 1: ");
  }

  @Test
  void filesOfTemplatesGoBeforeTheConfigurationAndToolsHaveTheirOwn() throws IOException {
    Fixture.copyTo(dir);
    Files.writeString(dir.resolve("chat_template.jinja"), "plain {{ messages[0].content }}");
    Path more = Files.createDirectories(dir.resolve("additional_chat_templates"));
    Files.writeString(more.resolve("tool_use.jinja"), "{{ tools | length }} tools");
    HuggingFaceTokenizer tokenizer = HuggingFaceTokenizer.load(dir);
    assertThat(tokenizer.chatTemplates()).containsOnlyKeys("default", "tool_use");
    ChatFormat format = CheckpointFormat.of(tokenizer, Map.of(), Optional.empty(), List.of());
    assertThat(tokenizer.decode(format.prompt(chat(HI)), false)).isEqualTo("plain Hi");
    assertThat(tokenizer.decode(format.prompt(new Chat(List.of(HI), "[{}, {}]", Map.of())), false))
        .isEqualTo("2 tools");
  }

  @Test
  void namedTemplateAndTheCheckpointsOwnAgree() {
    Path model = Fixture.shared().resolve("models/SmolLM2-135M-Instruct");
    assumeTrue(Files.isDirectory(model), () -> "skipped: " + model + " is absent");
    HuggingFaceTokenizer raw = HuggingFaceTokenizer.load(model);
    ChatTemplate named = ChatTemplate.named("smollm2");
    ChatFormat ours = ChatFormat.of(named, named.fixSpecialTokens(raw));
    ChatFormat own = CheckpointFormat.of(raw, Map.of(), Optional.empty(), List.of());
    for (Chat chat :
        List.of(
            chat(ChatMessage.of("system", "Be brief."), HI),
            chat(
                ChatMessage.of("system", "Be brief."),
                HI,
                ChatMessage.of("assistant", "Hello!"),
                ChatMessage.of("user", "Bye")))) {
      assertThat(own.prompt(chat)).isEqualTo(ours.prompt(chat));
    }
    assertThat(own.stopIds()).containsAll(ours.stopIds());
  }
}
