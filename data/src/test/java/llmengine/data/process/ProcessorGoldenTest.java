package llmengine.data.process;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import llmengine.data.AlignedRow;
import llmengine.data.Message;
import llmengine.data.Role;
import llmengine.data.TestTokenizer;
import llmengine.data.Tokenizer;
import llmengine.data.template.ChatTemplate;
import llmengine.data.template.Reference;
import llmengine.data.template.Turn;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** Lengths, labels, packs and blocks against those recorded from LLaMA-Factory. */
class ProcessorGoldenTest {
  private record Bound(ChatTemplate template, Tokenizer tokenizer, boolean maskHistory)
      implements TurnEncoder {
    static Bound of(String template, boolean maskHistory) {
      ChatTemplate chat = ChatTemplate.named(template);
      return new Bound(chat, chat.fixSpecialTokens(TestTokenizer.standard(false)), maskHistory);
    }

    @Override
    public List<Turn> multiturn(List<Message> messages, AlignedRow row) {
      return template.encodeMultiturn(tokenizer, messages, row.system(), row.tools(), maskHistory);
    }

    @Override
    public Turn oneturn(List<Message> messages, AlignedRow row) {
      return template.encodeOneturn(tokenizer, messages, row.system(), row.tools());
    }

    SftProcessor sft(int cutoff, boolean trainOnPrompt) {
      return new SftProcessor(
          this,
          cutoff,
          trainOnPrompt,
          maskHistory,
          template.efficientEos(),
          tokenizer.eosId().getAsInt());
    }
  }

  @Test
  void lengthsAreCutAsRecorded() {
    for (JsonNode golden : goldens().get("infer_seqlen")) {
      int[] in = ints(golden.get(0));
      int[] out = ints(golden.get(1));
      assertThat(Truncation.of(in[0], in[1], in[2])).isEqualTo(new Truncation(out[0], out[1]));
    }
  }

  @Test
  void knapsacksAreFilledAsRecorded() {
    for (JsonNode golden : goldens().get("greedy_knapsack")) {
      int[] lengths = ints(golden.get(0));
      var packs = new ArrayList<List<Integer>>();
      for (int[] pack : GreedyKnapsack.pack(lengths, golden.get(1).asInt())) {
        packs.add(Arrays.stream(pack).mapToObj(i -> lengths[i]).toList());
      }
      var expected = new ArrayList<List<Integer>>();
      golden.get(2).forEach(pack -> expected.add(Arrays.stream(ints(pack)).boxed().toList()));
      assertThat(packs).isEqualTo(expected);
    }
  }

  @Test
  void truncatedConversationsHaveTheRecordedIdsAndLabels() {
    JsonNode multi = Reference.read("goldens_templates.json").get("conversations").get("multi");
    for (JsonNode golden : goldens().get("truncation")) {
      Bound bound =
          Bound.of(golden.get("template").asText(), golden.get("mask_history").asBoolean());
      Encoded row =
          bound.sft(golden.get("cutoff_len").asInt(), false).encode(row(messages(multi), ""));
      String where = golden.get("template").asText() + golden.get("cutoff_len");
      assertThat(row.ids()).as(where).isEqualTo(ints(golden.get("input_ids")));
      assertThat(row.labels()).as(where).isEqualTo(ints(golden.get("labels")));
      assertThat(row.issues().contains(Issue.NOTHING_LEARNED))
          .isEqualTo(golden.get("learned").asText().isEmpty());
    }
  }

  @TestFactory
  Stream<DynamicTest> labelsOfEveryTemplateEqualTheRecordedOnes() {
    JsonNode all = Reference.read("goldens_templates.json");
    var tests = new ArrayList<DynamicTest>();
    for (var template : all.get("cases").properties()) {
      tests.add(
          DynamicTest.dynamicTest(
              template.getKey(),
              () -> {
                for (var golden : template.getValue().properties()) {
                  if (golden.getValue().has("input_ids")) {
                    checkLabels(template.getKey(), golden.getKey(), golden.getValue(), all);
                  }
                }
              }));
    }
    return tests.stream();
  }

  private static void checkLabels(String template, String name, JsonNode golden, JsonNode all) {
    String conversation = name.startsWith("multi") ? "multi" : name;
    if (!all.get("conversations").has(conversation) || name.startsWith("tool")) {
      return; // formats of calls and thoughts have tests of their own
    }
    Bound bound = Bound.of(template, name.endsWith("mask_history"));
    Encoded row =
        bound
            .sft(1 << 20, name.endsWith("train_on_prompt"))
            .encode(
                row(
                    messages(all.get("conversations").get(conversation)),
                    name.equals("multi_system") ? "You are a test bot." : ""));
    assertThat(row.ids()).as(name).isEqualTo(ints(golden.get("input_ids")));
    assertThat(row.labels()).as(name).isEqualTo(ints(golden.get("labels")));
    assertThat(row.issues()).isEmpty();
  }

  @Test
  void packsHoldTheRecordedTokensWithoutTheirPadding() {
    JsonNode goldens = goldens();
    int cases = 0;
    for (var golden : goldens.properties()) {
      if (!golden.getKey().startsWith("packing_neat")) {
        continue;
      }
      cases++;
      boolean neat = golden.getKey().contains("True");
      int yaml = Integer.parseInt(golden.getKey().replaceFirst(".*yaml=", ""));
      Bound bound = Bound.of("qwen3_nothink", false);
      // the recorded tokenizer knew this token too
      Tokenizer tokenizer = bound.tokenizer().withAdditionalSpecialTokens(List.of("<|im_start|>"));
      var processor =
          new PackedSftProcessor(
              new Bound(bound.template(), tokenizer, false).sft(yaml - 1, false), neat);
      var batch = new ArrayList<Encoded>();
      for (JsonNode example : goldens.get("packing_examples")) {
        batch.add(
            processor.encode(
                new AlignedRow(messages(example.get(0)), messages(example.get(1)), "", "")));
      }
      checkPacks(processor.examples(batch), golden.getValue(), neat, yaml);
    }
    assertThat(cases).isGreaterThanOrEqualTo(2);
  }

  private static void checkPacks(List<Example> packs, JsonNode golden, boolean neat, int cutoff) {
    assertThat(packs).hasSize(golden.get("input_ids").size());
    for (int i = 0; i < packs.size(); i++) {
      Example pack = packs.get(i);
      int n = pack.ids().length;
      assertThat(ints(golden.get("input_ids").get(i))).hasSize(cutoff);
      assertThat(pack.ids()).isEqualTo(head(golden.get("input_ids").get(i), n));
      assertThat(pack.labels()).isEqualTo(head(golden.get("labels").get(i), n));
      assertThat(pack.positions()).isEqualTo(head(golden.get("position_ids").get(i), n));
      for (int t = n; t < cutoff; t++) {
        assertThat(golden.get("input_ids").get(i).get(t).asInt()).isEqualTo(258);
        assertThat(golden.get("labels").get(i).get(t).asInt()).isEqualTo(Example.IGNORED);
      }
      int[] mask = head(golden.get("attention_mask").get(i), n);
      int at = 0;
      for (int s = 0; s < pack.segments().length; s++) {
        for (int end = at + pack.segments()[s]; at < end; at++) {
          assertThat(mask[at]).isEqualTo(neat ? s + 1 : 1);
        }
      }
      assertThat(at).isEqualTo(n);
    }
  }

  @Test
  void promptsAndReferencesForGenerationAreTheRecordedOnes() {
    for (String template : List.of("llama3", "glm4")) {
      JsonNode golden = goldens().get("unsupervised_" + template);
      Bound bound = Bound.of(template, false);
      var processor =
          new UnsupervisedProcessor(
              bound, 2048, bound.template().efficientEos(), bound.tokenizer().eosId().getAsInt());
      List<Message> prompt = List.of(new Message(Role.USER, "p?"));
      List<List<Message>> responses =
          List.of(List.of(new Message(Role.ASSISTANT, "label")), List.of());
      for (int i = 0; i < 2; i++) {
        Encoded row = processor.encode(new AlignedRow(prompt, responses.get(i), "", ""));
        assertThat(row.ids()).isEqualTo(ints(golden.get("input_ids").get(i)));
        assertThat(row.labels()).isEqualTo(ints(golden.get("labels").get(i)));
      }
    }
  }

  @Test
  void pretrainingBlocksAreTheRecordedOnes() {
    int cases = 0;
    for (var golden : goldens().properties()) {
      if (!golden.getKey().startsWith("pretrain_")) {
        continue;
      }
      cases++;
      String template = golden.getKey().endsWith("llama3") ? "llama3" : "default";
      Tokenizer tokenizer =
          ChatTemplate.named(template)
              .fixSpecialTokens(TestTokenizer.standard(golden.getKey().contains("bos=True")));
      if (template.equals("llama3")) {
        tokenizer = tokenizer.withAdditionalSpecialTokens(List.of("<|end_of_text|>"));
      }
      var processor =
          PretrainProcessor.of(tokenizer, template, 8, golden.getKey().contains("packing=True"));
      var batch = new ArrayList<Encoded>();
      for (String text : List.of("abcdefgh", "ijklm", "nopqrstuvwxyz")) {
        batch.add(processor.encode(row(List.of(new Message(Role.USER, text)), "")));
      }
      List<Example> rows = processor.examples(batch);
      JsonNode expected = golden.getValue().get("input_ids");
      assertThat(rows).as(golden.getKey()).hasSameSizeAs(expected);
      for (int i = 0; i < rows.size(); i++) {
        assertThat(rows.get(i).ids()).as(golden.getKey()).isEqualTo(ints(expected.get(i)));
        assertThat(rows.get(i).labels()).isEqualTo(rows.get(i).ids());
      }
    }
    assertThat(cases).isEqualTo(8);
  }

  private static JsonNode goldens() {
    return Reference.read("goldens_processors.json");
  }

  /** The last message is the response if it is an answer. */
  private static AlignedRow row(List<Message> messages, String system) {
    boolean answered = messages.getLast().role() == Role.ASSISTANT;
    int prompt = messages.size() - (answered ? 1 : 0);
    return new AlignedRow(
        messages.subList(0, prompt), messages.subList(prompt, messages.size()), system, "");
  }

  private static List<Message> messages(JsonNode list) {
    var messages = new ArrayList<Message>();
    for (JsonNode message : list) {
      Role role = Role.valueOf(message.get("role").asText().toUpperCase(Locale.ROOT));
      messages.add(new Message(role, message.get("content").asText()));
    }
    return messages;
  }

  private static int[] ints(JsonNode list) {
    return IntStream.range(0, list.size()).map(i -> list.get(i).asInt()).toArray();
  }

  private static int[] head(JsonNode list, int n) {
    return Arrays.copyOf(ints(list), n);
  }
}
