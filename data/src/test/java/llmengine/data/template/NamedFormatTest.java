package llmengine.data.template;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import llmengine.data.DataException;
import llmengine.data.Message;
import llmengine.data.Role;
import llmengine.data.Tokenizer;
import org.junit.jupiter.api.Test;

class NamedFormatTest {
  private static final ChatMessage HI = ChatMessage.of("user", "Hi");

  private final ChatTemplate template = ChatTemplate.named("qwen3");
  private final Tokenizer tokenizer = template.fixSpecialTokens(ByteTokenizer.standard());
  private final ChatFormat format = ChatFormat.of(template, tokenizer);

  private String prompt(ChatMessage... messages) {
    return prompt(new Chat(List.of(messages), "", Map.of()));
  }

  private String prompt(Chat chat) {
    return tokenizer.decode(format.prompt(chat), false);
  }

  @Test
  void servesThePromptThatTrainingTeaches() {
    List<Message> turns =
        List.of(
            new Message(Role.USER, "a"),
            new Message(Role.ASSISTANT, "b"),
            new Message(Role.USER, "c"));
    Chat chat =
        Chat.of(
            "S",
            List.of(
                ChatMessage.of("user", "a"),
                ChatMessage.of("assistant", "b"),
                ChatMessage.of("user", "c")));
    assertThat(format.prompt(chat))
        .isEqualTo(template.generationPrompt(tokenizer, turns, "S", null));
    assertThat(format.stopIds()).containsExactlyElementsOf(boxed(template.stopTokenIds(tokenizer)));
  }

  private static List<Integer> boxed(int[] ids) {
    return Arrays.stream(ids).boxed().toList();
  }

  @Test
  void callsKeepTheirTextAndAnswersOfToolsAreJoined() {
    String text =
        prompt(
            HI,
            ChatMessage.assistant(
                "Wait.",
                null,
                List.of(
                    new ToolCall("1", "now", "{\"zone\": \"utc\"}"),
                    new ToolCall("2", "today", "{}"))),
            ChatMessage.tool("noon", "1", "now"),
            ChatMessage.tool("Monday", "2", "today"));
    assertThat(text)
        .contains(
            "Wait.<tool_call>\n{\"name\": \"now\", \"arguments\": {\"zone\": \"utc\"}}\n"
                + "</tool_call>\n<tool_call>\n{\"name\": \"today\", \"arguments\": {}}\n"
                + "</tool_call>")
        .contains("noon\n</tool_response>\n<tool_response>\nMonday");
  }

  @Test
  void systemMessagesInFrontAreOneAndUsersInARowAreOneTurn() {
    assertThat(
            prompt(
                ChatMessage.of("system", "A"),
                ChatMessage.of("developer", "B"),
                HI,
                ChatMessage.of("user", "there")))
        .contains("<|im_start|>system\nA\n\nB<|im_end|>")
        .contains("<|im_start|>user\nHi\nthere<|im_end|>");
  }

  @Test
  void thinkingIsAnArgument() {
    Map<String, Object> off = Map.of("enable_thinking", false);
    assertThat(prompt(new Chat(List.of(HI), "", off))).endsWith("<think>\n\n</think>\n\n");
    assertThat(prompt(HI)).endsWith("<|im_start|>assistant\n");
    Map<String, Object> asInData = new LinkedHashMap<>();
    asInData.put("enable_thinking", null);
    assertThat(prompt(new Chat(List.of(HI), "", asInData))).endsWith("</think>\n\n");
    Chat kept =
        new Chat(
            List.of(HI, ChatMessage.assistant("b", "why", List.of()), HI),
            "",
            Map.of("preserve_thinking", true));
    assertThat(prompt(kept)).contains("<think>\nwhy\n</think>\n\nb");
    assertThat(prompt(new Chat(kept.messages(), "", Map.of()))).doesNotContain("why");
  }

  @Test
  void whatATemplateHasNoPlaceForIsSaid() {
    assertThatThrownBy(() -> prompt(new Chat(List.of(HI), "", Map.of("effort", "low"))))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("chat_template_kwargs")
        .hasMessageContaining("effort");
    assertThatThrownBy(() -> prompt(new Chat(List.of(HI), "", Map.of("enable_thinking", 1))))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("expected true or false, got 1");
    assertThatThrownBy(() -> prompt(HI, ChatMessage.of("system", "late")))
        .isInstanceOf(DataException.class)
        .hasMessageStartingWith("messages[1]: role");
    assertThatThrownBy(() -> prompt(HI, ChatMessage.of("assistant", "done")))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("nothing to answer");
    assertThatThrownBy(() -> prompt()).isInstanceOf(DataException.class);
    assertThatThrownBy(() -> prompt(new Chat(List.of(HI), "{", Map.of())))
        .isInstanceOf(DataException.class)
        .hasMessageStartingWith("tools");
    ChatMessage call =
        ChatMessage.assistant(null, null, List.of(new ToolCall("", "f", "not json")));
    assertThatThrownBy(() -> prompt(HI, call, ChatMessage.tool("x", null, null)))
        .isInstanceOf(DataException.class)
        .hasMessageStartingWith("arguments of f");
  }
}
