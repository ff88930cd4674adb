package llmengine.data.template;

import static llmengine.data.Role.ASSISTANT;
import static llmengine.data.Role.FUNCTION;
import static llmengine.data.Role.OBSERVATION;
import static llmengine.data.Role.USER;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import llmengine.data.DataException;
import llmengine.data.Message;
import llmengine.data.Role;
import llmengine.data.Tokenizer;
import org.junit.jupiter.api.Test;

class ChatTemplateTest {
  private static final String TOOLS =
      "[{\"name\":\"add\",\"description\":\"Sum\",\"parameters\":{\"type\":\"object\","
          + "\"properties\":{\"a\":{\"type\":\"number\"}},\"required\":[\"a\"]}}]";
  private static final List<Message> TWO_TURNS =
      List.of(
          new Message(USER, "Où ?"), new Message(ASSISTANT, "Là."),
          new Message(USER, "为什么"), new Message(ASSISTANT, "🙂 {{content}}"));

  @Test
  void writesWellKnownFormats() {
    assertThat(render("chatml", "Be brief."))
        .isEqualTo(
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nOù ?<|im_end|>\n"
                + "<|im_start|>assistant\n[Là.<|im_end|>\n]<|im_start|>user\n为什么<|im_end|>\n"
                + "<|im_start|>assistant\n[🙂 {{content}}<|im_end|>\n]");
    assertThat(render("llama2", "Be brief."))
        .isEqualTo(
            "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nOù ? [/INST][Là.</s>]"
                + "<s>[INST] 为什么 [/INST][🙂 {{content}}</s>]");
    assertThat(render("default", null))
        .isEqualTo(
            "Human: Où ?</s>\nAssistant:[Là.</s>\n]Human: 为什么</s>\nAssistant:"
                + "[🙂 {{content}}</s>\n]");
    assertThat(render("empty", null)).isEqualTo("Où ?[Là.]为什么[🙂 {{content}}]");
  }

  private static String render(String name, String system) {
    ChatTemplate template = ChatTemplate.named(name);
    Tokenizer tokenizer = template.fixSpecialTokens(ByteTokenizer.standard());
    StringBuilder text = new StringBuilder();
    for (Turn turn : template.encodeMultiturn(tokenizer, TWO_TURNS, system, "")) {
      text.append(tokenizer.decode(turn.source(), false));
      text.append('[').append(tokenizer.decode(turn.target(), false)).append(']');
    }
    return text.toString();
  }

  @Test
  void trainingTokensOfAPrefixAreTheServingPromptAndTheAnswer() {
    for (String name : ChatTemplate.names()) {
      for (Thinking thinking : Thinking.values()) {
        ChatTemplate template = ChatTemplate.named(name).withThinking(thinking);
        Tokenizer tokenizer = template.fixSpecialTokens(ByteTokenizer.standard());
        // Where earlier thoughts are history in training too, each prefix is what a server would
        // have sent.
        for (int length = 2; length <= TWO_TURNS.size(); length += 2) {
          List<Message> prefix = TWO_TURNS.subList(0, length);
          List<Turn> turns = template.encodeMultiturn(tokenizer, prefix, "S", TOOLS, true);
          IntStream training = turns.stream().flatMapToInt(ChatTemplateTest::ids);
          int[] prompt =
              template.generationPrompt(tokenizer, prefix.subList(0, length - 1), "S", TOOLS);
          IntStream serving =
              IntStream.concat(IntStream.of(prompt), IntStream.of(turns.getLast().target()));
          assertThat(training.toArray()).as("%s %s", name, thinking).isEqualTo(serving.toArray());
        }
      }
    }
  }

  @Test
  void oneTurnAndManyTurnsHoldTheSameTokensUnlessThoughtsDiffer() {
    for (String name : ChatTemplate.names()) {
      ChatTemplate template = ChatTemplate.named(name);
      Tokenizer tokenizer = template.fixSpecialTokens(ByteTokenizer.standard());
      boolean asHistory = template.reasons();
      int[] many =
          template.encodeMultiturn(tokenizer, TWO_TURNS, "", "", asHistory).stream()
              .flatMapToInt(ChatTemplateTest::ids)
              .toArray();
      Turn one = template.encodeOneturn(tokenizer, TWO_TURNS, "", "");
      assertThat(ids(one).toArray()).as(name).isEqualTo(many);
    }
  }

  @Test
  void thoughtsFollowTheSwitches() {
    List<Message> messages =
        List.of(
            new Message(USER, "a"), new Message(ASSISTANT, "<think>\nx\n</think>\n\nb"),
            new Message(USER, "c"), new Message(ASSISTANT, "d"));
    ChatTemplate qwen3 = ChatTemplate.named("qwen3");
    String empty = "<think>\n\n</think>\n\n";
    assertThat(targets(qwen3, messages))
        .containsExactly("<think>\nx\n</think>\n\nb<|im_end|>\n", empty + "d<|im_end|>\n");
    assertThat(targets(qwen3.withThinking(Thinking.AS_IN_DATA), messages))
        .containsExactly("<think>\nx\n</think>\n\nb<|im_end|>\n", "d<|im_end|>\n");
    assertThat(targets(qwen3.withThinking(Thinking.OFF), messages))
        .containsExactly("b<|im_end|>\n", "d<|im_end|>\n");
    assertThat(prompt(qwen3, messages)).doesNotContain("<think>");
    assertThat(prompt(qwen3.withPreservedThinking(true), messages)).contains("<think>\nx\n");
    assertThat(prompt(qwen3.withThinking(Thinking.of(null)), messages)).endsWith(empty);
    assertThat(prompt(qwen3.withThinking(Thinking.of(false)), messages)).endsWith(empty);
  }

  private static List<String> targets(ChatTemplate template, List<Message> messages) {
    Tokenizer tokenizer = template.fixSpecialTokens(ByteTokenizer.standard());
    return template.encodeMultiturn(tokenizer, messages, null, null).stream()
        .map(turn -> tokenizer.decode(turn.target(), false))
        .toList();
  }

  private static String prompt(ChatTemplate template, List<Message> messages) {
    Tokenizer tokenizer = template.fixSpecialTokens(ByteTokenizer.standard());
    int[] ids = template.encodeOneturn(tokenizer, messages, null, null).source();
    return tokenizer.decode(ids, false);
  }

  @Test
  void specialTokensAreFixedInOrder() {
    Tokenizer qwen = ChatTemplate.named("qwen").fixSpecialTokens(ByteTokenizer.bare());
    assertThat(qwen.tokenOf(qwen.eosId().getAsInt())).isEqualTo("<|im_end|>");
    assertThat(qwen.padId()).isEqualTo(qwen.eosId());
    Tokenizer plain = ChatTemplate.named("default").fixSpecialTokens(ByteTokenizer.bare());
    assertThat(plain.tokenOf(plain.eosId().getAsInt())).isEqualTo("<|endoftext|>");
    ChatTemplate llama3 = ChatTemplate.named("llama3");
    Tokenizer llama = llama3.fixSpecialTokens(ByteTokenizer.standard());
    assertThat(llama.idOf("<|eot_id|>")).hasValue(266);
    assertThat(llama.additionalSpecialTokens()).containsExactly("<|eom_id|>");
    assertThat(llama3.stopTokenIds(llama)).containsExactly(266, 267);
    // What the checkpoint had stays.
    Tokenizer twice = ChatTemplate.named("glm4").fixSpecialTokens(llama);
    assertThat(twice.additionalSpecialTokens())
        .containsExactly("<|eom_id|>", "<|user|>", "<|observation|>");
  }

  @Test
  void toolFormatAndSystemCanBeOverridden() {
    List<Message> messages =
        List.of(
            new Message(USER, "1+1"),
            new Message(FUNCTION, "{\"name\":\"add\",\"arguments\":{\"a\":1.50}}"),
            new Message(OBSERVATION, "2"),
            new Message(ASSISTANT, "Two."));
    ChatTemplate template =
        ChatTemplate.named("chatml").withToolFormat("mistral").withDefaultSystem("S");
    Tokenizer tokenizer = template.fixSpecialTokens(ByteTokenizer.standard());
    List<Turn> turns = template.encodeMultiturn(tokenizer, messages, null, TOOLS);
    assertThat(tokenizer.decode(turns.getFirst().source(), false))
        .startsWith("<|im_start|>system\nS[AVAILABLE_TOOLS] [{\"type\": \"function\"");
    // The call ends with eos instead of the template's own ending.
    assertThat(tokenizer.decode(turns.getFirst().target(), false))
        .isEqualTo("[{\"name\": \"add\", \"arguments\": {\"a\": 1.5}}]<|im_end|>");
    assertThat(template.encodeMultiturn(tokenizer, TWO_TURNS, null, "[]").getFirst().source())
        .isEqualTo(template.encodeMultiturn(tokenizer, TWO_TURNS, "S", null).getFirst().source());
  }

  @Test
  void llama3TellsTheDate() {
    Clock clock = Clock.fixed(Instant.parse("2031-05-04T00:00:00Z"), ZoneOffset.UTC);
    ChatTemplate template = ChatTemplate.named("llama3").withClock(clock);
    Tokenizer tokenizer = template.fixSpecialTokens(ByteTokenizer.standard());
    int[] prompt = template.generationPrompt(tokenizer, TWO_TURNS.subList(0, 1), null, TOOLS);
    assertThat(tokenizer.decode(prompt, false)).contains("Today Date: 04 May 2031\n");
  }

  @Test
  void badInputIsNamed() {
    assertThatThrownBy(() -> ChatTemplate.named("qwen33"))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("\"qwen33\"")
        .hasMessageContaining("Nearest names: qwen3");
    assertThatThrownBy(() -> ChatTemplate.named("qwen").withToolFormat("quen"))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("quen")
        .hasMessageContaining("qwen");
    ChatTemplate template = ChatTemplate.named("qwen");
    Tokenizer tokenizer = template.fixSpecialTokens(ByteTokenizer.standard());
    assertThatThrownBy(() -> template.encodeMultiturn(tokenizer, List.of(), null, null))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("0 messages");
    for (Role wrong : List.of(Role.SYSTEM, Role.USER, Role.OBSERVATION)) {
      List<Message> messages = new ArrayList<>(TWO_TURNS);
      messages.set(1, new Message(wrong, "x"));
      assertThatThrownBy(() -> template.encodeOneturn(tokenizer, messages, null, null))
          .isInstanceOf(DataException.class)
          .hasMessageContaining("message 2");
    }
    assertThatThrownBy(() -> template.encodeMultiturn(tokenizer, TWO_TURNS, null, "{oops"))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("tools");
    assertThatThrownBy(() -> ChatTemplate.named("llama3").stopTokenIds(ByteTokenizer.standard()))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("<|eot_id|>");
    ChatTemplate chatglm3 = ChatTemplate.named("chatglm3");
    assertThatThrownBy(() -> chatglm3.jinjaTemplate(ByteTokenizer.standard()))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("[gMASK]");
  }

  private static IntStream ids(Turn turn) {
    return IntStream.concat(IntStream.of(turn.source()), IntStream.of(turn.target()));
  }
}
