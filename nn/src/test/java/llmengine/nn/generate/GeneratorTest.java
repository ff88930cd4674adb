package llmengine.nn.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import llmengine.engine.Backend;
import llmengine.engine.cpu.VectorBackend;
import llmengine.nn.Decoder;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class GeneratorTest {
  private final Backend backend = new VectorBackend();
  private final Decoder model = TinyModel.on(backend);

  @AfterEach
  void everythingIsGivenBack() {
    model.close();
    assertThat(backend.memory().used()).isZero();
    backend.close();
  }

  @Test
  void logitsAloneAndInABatchAreBitwiseEqual() {
    int[] prompt = TinyModel.prompt(1, 600); // cut at 512
    List<float[]> alone = new ArrayList<>();
    try (CachedModel cached = new CachedModel(model)) {
      KvSequence[] keys = {cached.cache().open()};
      cached.prefill(keys, new int[][] {prompt}, () -> false, (i, v) -> alone.add(v.clone()));
      for (int t = 0; t < 4; t++) {
        cached.step(keys, new int[] {t}, (i, v) -> alone.add(v.clone()));
      }
    }
    List<float[]> together = new ArrayList<>();
    int mine = 2;
    try (CachedModel cached = new CachedModel(model)) {
      KvSequence[] keys = new KvSequence[5];
      int[][] prompts = new int[5][];
      for (int i = 0; i < 5; i++) {
        keys[i] = cached.cache().open();
        prompts[i] = i == mine ? prompt : TinyModel.prompt(10 + i, 1 + 9 * i);
      }
      CachedModel.LogitsReader reader =
          (i, v) -> {
            if (i == mine) {
              together.add(v.clone());
            }
          };
      cached.prefill(keys, prompts, () -> false, reader);
      for (int t = 0; t < 4; t++) {
        cached.step(keys, new int[] {5, 6, t, 8, 9}, reader);
      }
    }
    assertThat(together).hasSize(5);
    for (int i = 0; i < 5; i++) {
      assertThat(together.get(i)).as("token %d", i).isEqualTo(alone.get(i));
    }
  }

  /** What recomputing an answer after preemption rests on. */
  @Test
  void generatedTokensOneByOneAndTogetherGiveTheSameKeysAndLogits() {
    int[] prompt = TinyModel.prompt(1, 40);
    int[] answer = TinyModel.prompt(2, 90);
    List<float[]> logits = new ArrayList<>();
    for (int at : new int[] {1, 7, 64, 89}) {
      try (CachedModel cached = new CachedModel(model)) {
        KvSequence keys = cached.cache().open();
        cached.prefill(new KvSequence[] {keys}, new int[][] {prompt}, () -> false, (i, v) -> {});
        for (int from = 0; from < 89; from += at) {
          int[] ids = java.util.Arrays.copyOfRange(answer, from, Math.min(89, from + at));
          cached.generated(List.of(new CachedModel.Piece(keys, ids, 0, false)), null);
        }
        cached.step(
            new KvSequence[] {keys}, new int[] {answer[89]}, (i, v) -> logits.add(v.clone()));
      }
    }
    assertThat(logits).hasSize(4).allSatisfy(l -> assertThat(l).isEqualTo(logits.getFirst()));
  }

  @Test
  void promptsMayBeCutAnywhere() {
    int[] prompt = TinyModel.prompt(3, 150);
    List<float[]> logits = new ArrayList<>();
    for (int size : new int[] {150, 32, 13, 1}) {
      try (CachedModel cached = new CachedModel(model)) {
        KvSequence keys = cached.cache().open();
        for (int from = 0; from < 150; from += size) {
          int to = Math.min(150, from + size);
          int[] ids = java.util.Arrays.copyOfRange(prompt, from, to);
          cached.prompts(
              List.of(new CachedModel.Piece(keys, ids, 0, to == 150)),
              (i, v) -> logits.add(v.clone()));
        }
      }
    }
    assertThat(logits).hasSize(4).allSatisfy(l -> assertThat(l).isEqualTo(logits.getFirst()));
  }

  @Test
  void answersDoNotDependOnTheBatchSize() {
    List<int[]> prompts = new ArrayList<>();
    for (int i = 0; i < 7; i++) {
      prompts.add(TinyModel.prompt(i, 3 + 2 * i));
    }
    SamplingOptions options =
        SamplingOptions.defaults().with().maxNewTokens(12).stopIds(Set.of(4, 5)).seed(3).build();
    List<Generation> one = new Generator(model, 1).generate(prompts, options);
    List<Generation> many = new Generator(model, 5).generate(prompts, options);
    for (int i = 0; i < 7; i++) {
      assertThat(many.get(i).ids()).as("prompt %d", i).isEqualTo(one.get(i).ids());
      assertThat(many.get(i).finish()).isEqualTo(one.get(i).finish());
      assertThat(many.get(i).prompt()).isEqualTo(i);
    }
    assertThat(one.get(0).ids())
        .as("another seed")
        .isNotEqualTo(
            new Generator(model, 1).generate(prompts, options.with().seed(4).build()).get(0).ids());
  }

  @Test
  void equalPromptsHaveStreamsOfTheirOwn() {
    int[] prompt = TinyModel.prompt(1, 5);
    SamplingOptions options = SamplingOptions.defaults().with().maxNewTokens(10).topP(1).build();
    List<Generation> two = new Generator(model, 2).generate(List.of(prompt, prompt), options);
    assertThat(two.get(0).ids()).isNotEqualTo(two.get(1).ids());
  }

  @Test
  void aSteadyStepTakesNothingFromTheSystem() {
    long[] allocations = new long[100];
    new Generator(model, 3)
        .generate(
            List.of(TinyModel.prompt(1, 10), TinyModel.prompt(2, 11), TinyModel.prompt(3, 12)),
            SamplingOptions.greedy(100),
            new TokenListener() {
              private int calls;

              @Override
              public boolean token(int sequence, int id, boolean last) {
                allocations[calls++ / 3] = backend.memory().systemAllocations();
                return true;
              }
            },
            () -> false);
    assertThat(allocations[52]).as("before the cache grows to 128").isEqualTo(allocations[3]);
    assertThat(allocations[99]).as("after it has").isEqualTo(allocations[60]);
  }

  @Test
  void theListenerEndsASequence() {
    List<Integer> heard = new ArrayList<>();
    List<Generation> got =
        new Generator(model, 2)
            .generate(
                List.of(TinyModel.prompt(1, 4), TinyModel.prompt(2, 4)),
                SamplingOptions.greedy(6),
                (sequence, id, last) -> {
                  if (sequence == 1) {
                    heard.add(id);
                    assertThat(last).isEqualTo(heard.size() == 6);
                    return true;
                  }
                  return false;
                },
                () -> false);
    assertThat(got.get(0).ids()).hasSize(1);
    assertThat(got.get(0).finish()).isEqualTo(FinishReason.STOP);
    assertThat(got.get(1).ids()).hasSize(6);
    assertThat(heard)
        .containsExactlyElementsOf(java.util.Arrays.stream(got.get(1).ids()).boxed().toList());
    assertThat(got.get(1).finish()).isEqualTo(FinishReason.LENGTH);
  }

  @Test
  void cancellingKeepsWhatThereIs() {
    int[] asked = {0};
    List<Generation> got =
        new Generator(model, 2)
            .generate(
                List.of(TinyModel.prompt(1, 4), TinyModel.prompt(2, 4), TinyModel.prompt(3, 4)),
                SamplingOptions.greedy(50),
                TokenListener.none(),
                () -> ++asked[0] > 4);
    assertThat(got).hasSize(3).allMatch(g -> g.finish() == FinishReason.CANCELLED);
    assertThat(got.get(0).ids()).hasSize(4);
    assertThat(got.get(2).ids()).isEmpty();
    List<Generation> beams =
        new Generator(model, 1)
            .generate(
                List.of(TinyModel.prompt(1, 4)),
                SamplingOptions.greedy(50).with().numBeams(2).build(),
                TokenListener.none(),
                () -> ++asked[0] > 8);
    assertThat(beams.get(0).finish()).isEqualTo(FinishReason.CANCELLED);
    assertThat(beams.get(0).ids()).isNotEmpty();
  }

  @Test
  void theContextLimitsPromptAndAnswer() {
    Generator generator = new Generator(model, 2);
    SamplingOptions options = SamplingOptions.greedy(50);
    assertThatThrownBy(
            () -> generator.generate(List.of(new int[] {1}, TinyModel.prompt(1, 701)), options))
        .isInstanceOf(PromptTooLongException.class)
        .hasMessageContaining("prompt 1")
        .hasMessageContaining("700")
        .hasMessageContaining("701");
    assertThatThrownBy(() -> generator.generate(List.of(new int[0]), options))
        .hasMessageContaining("at least one token");
    Generation last = generator.generate(List.of(TinyModel.prompt(1, 697)), options).getFirst();
    assertThat(last.ids()).hasSize(3);
    assertThat(last.finish()).isEqualTo(FinishReason.LENGTH);
    Generation none = generator.generate(List.of(TinyModel.prompt(1, 700)), options).getFirst();
    assertThat(none.ids()).isEmpty();
    assertThat(none.finish()).isEqualTo(FinishReason.LENGTH);
    SamplingOptions whole = options.with().maxNewTokens(0).maxLength(9).build();
    assertThat(generator.generate(List.of(new int[] {1, 2}), whole).getFirst().ids()).hasSize(7);
  }

  @Test
  void drawnBeamsRepeatWithTheSeed() {
    SamplingOptions options =
        SamplingOptions.defaults().with().maxNewTokens(8).numBeams(3).numReturnSequences(3).build();
    List<int[]> prompts = List.of(TinyModel.prompt(1, 5));
    List<Generation> first = new Generator(model, 1).generate(prompts, options);
    List<Generation> second = new Generator(model, 1).generate(prompts, options);
    assertThat(first).hasSize(3);
    for (int i = 0; i < 3; i++) {
      assertThat(second.get(i).ids()).isEqualTo(first.get(i).ids()).hasSize(8);
      assertThat(i == 0 || first.get(i).score() <= first.get(i - 1).score()).isTrue();
    }
  }

  @Test
  void oneBeamWideEnoughFindsAtLeastTheGreedyAnswer() {
    List<int[]> prompts = List.of(TinyModel.prompt(6, 5));
    SamplingOptions greedy = SamplingOptions.greedy(1);
    Generation best =
        new Generator(model, 1).generate(prompts, greedy.with().numBeams(4).build()).getFirst();
    assertThat(best.ids())
        .isEqualTo(new Generator(model, 1).generate(prompts, greedy).getFirst().ids());
  }

  @Test
  void aChatRunsOnlyWhatIsNew() {
    try (ChatSession chat = new ChatSession(model)) {
      int[] first = TinyModel.prompt(1, 20);
      SamplingOptions options = SamplingOptions.greedy(6);
      Generation answer = chat.generate(first, options, TokenListener.none(), () -> false);
      assertThat(chat.reusedTokens()).isZero();
      int[] second = java.util.Arrays.copyOf(first, 40);
      System.arraycopy(answer.ids(), 0, second, 20, 6);
      System.arraycopy(TinyModel.prompt(2, 14), 0, second, 26, 14);
      Generation next = chat.generate(second, options, TokenListener.none(), () -> false);
      assertThat(chat.reusedTokens()).as("all but the last token of the answer").isEqualTo(25);
      assertThat(next.ids())
          .isEqualTo(new Generator(model, 1).generate(List.of(second), options).getFirst().ids());
      second[10] = (second[10] + 1) % TinyModel.VOCAB;
      Generation edited = chat.generate(second, options, TokenListener.none(), () -> false);
      assertThat(chat.reusedTokens()).isEqualTo(10);
      assertThat(edited.ids())
          .isEqualTo(new Generator(model, 1).generate(List.of(second), options).getFirst().ids());
      chat.generate(second, options, TokenListener.none(), () -> false);
      assertThat(chat.reusedTokens()).as("the last token runs for its logits").isEqualTo(39);
      chat.clear();
      chat.generate(second, options, TokenListener.none(), () -> false);
      assertThat(chat.reusedTokens()).isZero();
    }
  }

  @Test
  void aChatGoesOnAfterCancellation() {
    try (ChatSession chat = new ChatSession(model)) {
      int[] prompt = TinyModel.prompt(1, 600);
      int[] asked = {0};
      Generation none =
          chat.generate(
              prompt, SamplingOptions.greedy(3), TokenListener.none(), () -> ++asked[0] > 1);
      assertThat(none.finish()).isEqualTo(FinishReason.CANCELLED);
      assertThat(none.ids()).isEmpty();
      Generation whole =
          chat.generate(prompt, SamplingOptions.greedy(3), TokenListener.none(), () -> false);
      assertThat(chat.reusedTokens()).isEqualTo(512);
      assertThat(whole.ids()).hasSize(3);
    }
  }

  @Test
  void perplexityIsTheMeanOverAllWindows() {
    int[] ids = TinyModel.prompt(5, 25);
    Perplexity all = Perplexity.of(model, ids, 10, 4);
    assertThat(all.tokens()).isEqualTo(6 + 6 + 1);
    double sum = 0;
    for (int start = 0; start < 25; start += 10) {
      int[] part = java.util.Arrays.copyOfRange(ids, start, Math.min(25, start + 10));
      Perplexity one = Perplexity.of(model, part, 10, 4);
      sum += one.meanNll() * one.tokens();
    }
    assertThat(all.meanNll()).isEqualTo(sum / 13);
    assertThat(all.value()).isEqualTo(Math.exp(all.meanNll()));
    assertThatThrownBy(() -> Perplexity.of(model, ids, 10, 0)).hasMessageContaining("from");
  }
}
