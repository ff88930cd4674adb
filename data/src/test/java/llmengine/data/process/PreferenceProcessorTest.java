package llmengine.data.process;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import llmengine.data.AlignedRow;
import llmengine.data.Message;
import llmengine.data.Role;
import llmengine.data.TestTokenizer;
import llmengine.data.Tokenizer;
import llmengine.data.batch.Sequences;
import llmengine.data.template.ChatTemplate;
import llmengine.data.template.Reference;
import llmengine.data.template.Turn;
import org.junit.jupiter.api.Test;

/**
 * Ranking and feedback rows against those recorded from LLaMA-Factory, and how they are laid out.
 */
class PreferenceProcessorTest {
  private static final int IGNORED = Example.IGNORED;

  private record Bound(ChatTemplate template, Tokenizer tokenizer) implements TurnEncoder {
    static Bound of(String template) {
      ChatTemplate chat = ChatTemplate.named(template);
      return new Bound(chat, chat.fixSpecialTokens(TestTokenizer.standard(false)));
    }

    @Override
    public List<Turn> multiturn(List<Message> messages, AlignedRow row) {
      return template.encodeMultiturn(tokenizer, messages, row.system(), row.tools(), false);
    }

    @Override
    public Turn oneturn(List<Message> messages, AlignedRow row) {
      return template.encodeOneturn(tokenizer, messages, row.system(), row.tools());
    }

    PairwiseProcessor pairs(int cutoff) {
      int eos = tokenizer.eosId().getAsInt();
      return new PairwiseProcessor(this, cutoff, template.efficientEos(), eos);
    }

    FeedbackProcessor feedback(int cutoff) {
      int eos = tokenizer.eosId().getAsInt();
      return new FeedbackProcessor(this, cutoff, template.efficientEos(), eos);
    }
  }

  @Test
  void pairsAreTheRecordedOnes() {
    List<AlignedRow> rows =
        List.of(
            row(List.of("p?"), "chosen answer", "no"),
            row(List.of("How are you", "I am fine!", "你好"), "好", "坏坏"));
    for (String name : List.of("llama3", "glm4", "glm4_cutoff40")) {
      JsonNode golden = Reference.read("goldens_processors.json").get("pairwise_" + name);
      Bound bound = Bound.of(name.replaceFirst("_.*", ""));
      for (int i = 0; i < rows.size(); i++) {
        Encoded pair = bound.pairs(name.endsWith("40") ? 40 : 2048).encode(rows.get(i));
        List<Example.Part> parts = parts(pair);
        assertThat(parts.get(0).ids()).as(name).isEqualTo(ints(golden, "chosen_input_ids", i));
        assertThat(parts.get(0).labels()).as(name).isEqualTo(ints(golden, "chosen_labels", i));
        assertThat(parts.get(1).ids()).as(name).isEqualTo(ints(golden, "rejected_input_ids", i));
        assertThat(parts.get(1).labels()).as(name).isEqualTo(ints(golden, "rejected_labels", i));
        boolean cut = name.endsWith("40") && i == 1;
        assertThat(pair.issues().contains(Issue.TRUNCATED)).as(name).isEqualTo(cut);
      }
    }
  }

  @Test
  void feedbackAndMismatchedAnswersAreTheRecordedOnes() {
    List<AlignedRow> rows =
        List.of(
            row(List.of("a?"), "good", ""),
            row(List.of("b?"), "", "bad"),
            row(List.of("c?"), "fine", ""));
    for (String name : List.of("llama3", "glm4")) {
      JsonNode golden = Reference.read("goldens_processors.json").get("kto_" + name);
      for (int i = 0; i < 3; i++) {
        Encoded row = Bound.of(name).feedback(2048).encode(rows.get(i), rows.get((i + 2) % 3));
        List<Example.Part> parts = parts(row);
        assertThat(parts.get(0).ids()).as(name).isEqualTo(ints(golden, "input_ids", i));
        assertThat(parts.get(0).labels()).as(name).isEqualTo(ints(golden, "labels", i));
        assertThat(parts.get(1).ids()).as(name).isEqualTo(ints(golden, "kl_input_ids", i));
        assertThat(parts.get(1).labels()).as(name).isEqualTo(ints(golden, "kl_labels", i));
        assertThat(row.feedback() == Feedback.DESIRABLE)
            .isEqualTo(golden.get("kto_tags").get(i).asBoolean());
      }
    }
  }

  @Test
  void unusableRowsAreDroppedAndEqualAnswersAreReported() {
    Bound bound = Bound.of("glm4");
    AlignedRow alone = row(List.of("p"), "only one");
    AlignedRow broken = new AlignedRow(List.of(), List.of(), "", "");
    assertThat(bound.pairs(64).encode(alone).issues()).containsExactly(Issue.NO_PAIR);
    assertThat(bound.pairs(64).encode(broken).issues()).containsExactly(Issue.ROLES_OUT_OF_ORDER);
    assertThat(bound.feedback(64).encode(alone, alone).issues()).containsExactly(Issue.NO_FEEDBACK);
    Encoded same = bound.pairs(64).encode(row(List.of("p"), "x", "x"));
    assertThat(same.issues()).containsExactly(Issue.IDENTICAL_PAIR);
    assertThat(same.isDropped()).isFalse();
  }

  @Test
  void whatBothSequencesBeginWithIsLaidDownOnce() {
    var chosen = new Example.Part(new int[] {1, 2, 3, 4}, new int[] {IGNORED, IGNORED, 3, 4});
    var rejected =
        new Example.Part(new int[] {1, 2, 5, 6, 7}, new int[] {IGNORED, IGNORED, 5, 6, 7});
    Sequences shared = Sequences.of(List.of(List.of(chosen, rejected)), true);
    assertThat(shared.ids()).containsExactly(1, 2, 3, 4, 5, 6, 7);
    assertThat(shared.positions()).containsExactly(0, 1, 2, 3, 2, 3, 4);
    assertThat(shared.stretches()).containsExactly(2, 2, 3);
    assertThat(shared.parents()).containsExactly(-1, 0, 0);
    assertThat(shared.labelled()).containsExactly(1, 2, 1, 4, 5);
    assertThat(shared.targets()).containsExactly(3, 4, 5, 6, 7);
    assertThat(shared.labels()).containsExactly(2, 3);
    assertThat(shared.last()).containsExactly(3, 6);
    assertThat(shared.lengths()).containsExactly(4, 5);
    Sequences apart = Sequences.of(List.of(List.of(chosen, rejected)), false);
    assertThat(apart.ids()).containsExactly(1, 2, 3, 4, 1, 2, 5, 6, 7);
    assertThat(apart.stretches()).containsExactly(4, 5);
    assertThat(apart.parents()).containsExactly(-1, -1);
    assertThat(apart.labelled()).containsExactly(1, 2, 5, 6, 7);
    assertThat(apart.last()).containsExactly(3, 8);
  }

  @Test
  void answersWithoutACommonBeginningAndEqualOnesAreLaidOutToo() {
    var a = new Example.Part(new int[] {1, 2}, new int[] {1, 2});
    var b = new Example.Part(new int[] {3}, new int[] {3});
    Sequences apart = Sequences.of(List.of(List.of(a, b), List.of(a, a)), true);
    assertThat(apart.stretches()).containsExactly(2, 1, 2, 0, 0);
    assertThat(apart.parents()).containsExactly(-1, -1, -1, 2, 2);
    assertThat(apart.labels()).containsExactly(1, 0, 1, 1);
    assertThat(apart.labelled()).containsExactly(0, 3, 3);
    assertThat(apart.last()).containsExactly(1, 2, 4, 4);
  }

  private static List<Example.Part> parts(Encoded row) {
    return Example.of(row.ids(), row.labels(), row.parts(), row.feedback()).parts();
  }

  private static AlignedRow row(List<String> prompt, String... responses) {
    var messages = new ArrayList<Message>();
    for (int i = 0; i < prompt.size(); i++) {
      messages.add(new Message(i % 2 == 0 ? Role.USER : Role.ASSISTANT, prompt.get(i)));
    }
    var answers = new ArrayList<Message>();
    for (String response : responses) {
      answers.add(new Message(Role.ASSISTANT, response));
    }
    return new AlignedRow(messages, answers, "", "");
  }

  private static int[] ints(JsonNode golden, String field, int row) {
    JsonNode list = golden.get(field).get(row);
    return IntStream.range(0, list.size()).map(i -> list.get(i).asInt()).toArray();
  }
}
