package llmengine.serve.schedule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import llmengine.engine.Backend;
import llmengine.engine.cpu.VectorBackend;
import llmengine.nn.Decoder;
import llmengine.nn.generate.FinishReason;
import llmengine.nn.generate.Generation;
import llmengine.nn.generate.Generator;
import llmengine.nn.generate.KvCache;
import llmengine.nn.generate.PromptTooLongException;
import llmengine.nn.generate.SamplingOptions;
import llmengine.nn.generate.TinyModel;
import llmengine.nn.generate.TokenConstraint;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class SchedulerTest {
  private final Backend backend = new VectorBackend();
  private final Decoder model = TinyModel.on(backend);

  @AfterEach
  void everythingIsGivenBack() {
    model.close();
    assertThat(backend.memory().used()).isZero();
    backend.close();
  }

  /** Options with room for so many blocks. */
  static SchedulerOptions blocks(int blocks) {
    long perBlock = KvCache.bytesPerToken(2, 8) * KvCache.BLOCK;
    return SchedulerOptions.defaults().withCacheBytes(blocks * perBlock).withMaxSequences(40);
  }

  static GenerationRequest request(int[] prompt, SamplingOptions options) {
    return new GenerationRequest("tiny", prompt, options, 1, -1, Optional.empty(), "");
  }

  private static GenerationRequest request(
      int[] prompt, SamplingOptions options, int choices, int top) {
    return new GenerationRequest("tiny", prompt, options, choices, top, Optional.empty(), "");
  }

  private static SamplingOptions options(int seed, int tokens) {
    SamplingOptions.Builder b =
        SamplingOptions.defaults().with().maxNewTokens(tokens).seed(seed).topP(1).topK(0);
    return switch (seed % 4) {
      case 0 -> b.doSample(false).build();
      case 1 -> b.temperature(0.7).topK(10).frequencyPenalty(0.3).build();
      case 2 -> b.topP(0.8).repetitionPenalty(1.2).stopIds(Set.of(3)).build();
      default -> b.temperature(1.3).minP(0.02).build();
    };
  }

  private static Heard submit(Scheduler scheduler, GenerationRequest request) {
    Heard heard = new Heard(request.choices());
    heard.ticket = scheduler.submit(request, heard);
    return heard;
  }

  private static void same(Heard got, Heard expected, String what) {
    for (int c = 0; c < expected.reasons.length; c++) {
      assertThat(got.answer(c)).as("%s, choice %d", what, c).isEqualTo(expected.answer(c));
      assertThat(got.reasons[c]).as(what).isEqualTo(expected.reasons[c]);
      for (int t = 0; t < expected.logprobs.get(c).size(); t++) {
        Logprobs e = expected.logprobs.get(c).get(t);
        Logprobs g = got.logprobs.get(c).get(t);
        assertThat(g.chosen()).as("%s, token %d", what, t).isEqualTo(e.chosen());
        assertThat(g.topIds()).as("%s, token %d", what, t).isEqualTo(e.topIds());
        assertThat(g.top()).as("%s, token %d", what, t).isEqualTo(e.top());
      }
    }
  }

  @Test
  void answersAreThoseOfTheGenerator() {
    SamplingOptions options = SamplingOptions.defaults().with().maxNewTokens(20).seed(5).build();
    List<int[]> expected = new ArrayList<>();
    for (int i = 0; i < 9; i++) {
      List<int[]> prompt = List.of(TinyModel.prompt(i, 3 + 70 * i));
      expected.add(new Generator(model, 1).generate(prompt, options).getFirst().ids());
    }
    try (Scheduler scheduler = new Scheduler(model, "tiny", blocks(100))) {
      List<Heard> heard = new ArrayList<>();
      for (int i = 0; i < 9; i++) {
        heard.add(submit(scheduler, request(TinyModel.prompt(i, 3 + 70 * i), options)));
      }
      for (int i = 0; i < 9; i++) {
        assertThat(heard.get(i).await().answer(0)).as("request %d", i).isEqualTo(expected.get(i));
        assertThat(heard.get(i).reasons[0]).isEqualTo(FinishReason.LENGTH);
      }
    }
  }

  @Test
  void logprobsAreTheSameAloneAndAmongManyWithPreemption() {
    List<GenerationRequest> requests = new ArrayList<>();
    SplittableRandom random = new SplittableRandom(1);
    for (int i = 0; i < 32; i++) {
      int[] prompt = TinyModel.prompt(i % 20, 1 + random.nextInt(i % 5 == 0 ? 300 : 60));
      requests.add(request(prompt, options(i, 5 + random.nextInt(250)), 1 + i % 7 / 5, 61));
    }
    List<Heard> alone = new ArrayList<>();
    try (Scheduler scheduler = new Scheduler(model, "tiny", blocks(200).withMaxSequences(2))) {
      for (GenerationRequest r : requests) {
        alone.add(submit(scheduler, r).await());
      }
      assertThat(scheduler.statistics().preemptions()).isZero();
    }
    try (Scheduler scheduler = new Scheduler(model, "tiny", blocks(20).withPromptTokens(64))) {
      List<Heard> together = new ArrayList<>();
      for (GenerationRequest r : requests) {
        together.add(submit(scheduler, r));
      }
      for (int i = 0; i < 32; i++) {
        same(together.get(i).await(), alone.get(i), "request " + i);
      }
      SchedulerStatistics s = SchedulerLoadTest.awaitIdle(scheduler, 32);
      assertThat(s.preemptions()).isGreaterThan(5);
      assertThat(s.finished()).isEqualTo(32);
      assertThat(s.running() + s.waiting() + s.usedBlocks()).isZero();
      assertThat(s.freeBlocks() + s.cachedBlocks()).isEqualTo(20);
    }
  }

  @Test
  void choicesShareThePromptAndDrawFromStreamsOfTheirOwn() {
    int[] prompt = TinyModel.prompt(4, 200);
    SamplingOptions options = options(3, 30);
    List<Generation> expected =
        new Generator(model, 5).generate(List.of(prompt, prompt, prompt, prompt, prompt), options);
    // 7 blocks for the prompt, which has 6 whole ones; five answers need a copy and one more
    try (Scheduler scheduler = new Scheduler(model, "tiny", blocks(6 + 5 * 2))) {
      Heard heard = submit(scheduler, request(prompt, options, 5, 0)).await();
      for (int c = 0; c < 5; c++) {
        assertThat(heard.answer(c)).as("choice %d", c).isEqualTo(expected.get(c).ids());
      }
      SchedulerStatistics s = SchedulerLoadTest.awaitIdle(scheduler, 1);
      assertThat(s.preemptions()).isZero();
      assertThat(s.promptTokens()).isEqualTo(200);
    }
  }

  @Test
  void aPrefixOfAnEarlierPromptIsNotComputedAgainAndChangesNothing() {
    int[] prompt = TinyModel.prompt(4, 150);
    int[] longer = Arrays.copyOf(prompt, 290);
    int[] other = prompt.clone();
    other[70]++;
    try (Scheduler scheduler = new Scheduler(model, "tiny", blocks(100))) {
      Heard first = submit(scheduler, request(prompt, options(3, 40), 1, 5)).await();
      assertThat(first.ticket.cachedPromptTokens()).isZero();
      Heard again = submit(scheduler, request(prompt, options(3, 40), 1, 5)).await();
      assertThat(again.ticket.cachedPromptTokens()).isEqualTo(128);
      same(again, first, "again");
      Heard hit = submit(scheduler, request(longer, options(3, 40), 1, 5)).await();
      assertThat(hit.ticket.cachedPromptTokens()).isEqualTo(128);
      Heard changed = submit(scheduler, request(other, options(3, 40), 1, 5)).await();
      assertThat(changed.ticket.cachedPromptTokens()).isEqualTo(64);
      assertThat(SchedulerLoadTest.awaitIdle(scheduler, 4).cachedPromptTokens())
          .isEqualTo(128 + 128 + 64);
      try (Scheduler fresh = new Scheduler(model, "tiny", blocks(100))) {
        same(hit, submit(fresh, request(longer, options(3, 40), 1, 5)).await(), "longer");
        same(changed, submit(fresh, request(other, options(3, 40), 1, 5)).await(), "other");
      }
    }
  }

  @Test
  void anAnswerIsNotTakenForAPrompt() {
    int[] prompt = TinyModel.prompt(4, 40);
    try (Scheduler scheduler = new Scheduler(model, "tiny", blocks(100))) {
      Heard first = submit(scheduler, request(prompt, options(0, 100), 1, 5)).await();
      int[] conversation = Arrays.copyOf(prompt, 160);
      System.arraycopy(first.answer(0), 0, conversation, 40, 100);
      Heard next = submit(scheduler, request(conversation, options(3, 20), 1, 5)).await();
      assertThat(next.ticket.cachedPromptTokens()).isEqualTo(32);
      try (Scheduler fresh = new Scheduler(model, "tiny", blocks(100))) {
        same(next, submit(fresh, request(conversation, options(3, 20), 1, 5)).await(), "next");
      }
    }
  }

  @Test
  void cancellingFreesBlocksAtOnceAndASinkCanEndItsAnswer() throws Exception {
    try (Scheduler scheduler = new Scheduler(model, "tiny", blocks(30))) {
      CountDownLatch under = new CountDownLatch(1);
      Heard first =
          new Heard(2) {
            @Override
            public synchronized boolean token(int choice, int id, Logprobs p) {
              super.token(choice, id, p);
              under.countDown();
              return true;
            }
          };
      SamplingOptions endless = SamplingOptions.greedy(600);
      GenerationRequest two =
          new GenerationRequest(
              "tiny", TinyModel.prompt(1, 50), endless, 2, -1, Optional.empty(), "");
      Generations.Ticket ticket = scheduler.submit(two, first);
      under.await();
      ticket.cancel();
      first.await();
      assertThat(first.reasons).containsOnly(FinishReason.CANCELLED);
      Heard ended =
          new Heard(1) {
            @Override
            public synchronized boolean token(int choice, int id, Logprobs p) {
              super.token(choice, id, p);
              return ids.get(0).size() < 3;
            }
          };
      scheduler.submit(request(TinyModel.prompt(2, 50), endless), ended);
      ended.await();
      assertThat(ended.reasons).containsExactly(FinishReason.STOP);
      assertThat(ended.answer(0)).hasSize(3);
      submit(scheduler, request(TinyModel.prompt(3, 5), SamplingOptions.greedy(1))).await();
      assertThat(SchedulerLoadTest.awaitIdle(scheduler, 3).usedBlocks()).isZero();
      ticket.cancel(); // too late, and no harm
    }
  }

  /** A request that holds the scheduler until {@code go}. */
  static Heard holding(Scheduler scheduler, CountDownLatch go) {
    CountDownLatch began = new CountDownLatch(1);
    Heard heard =
        new Heard(1) {
          @Override
          public boolean token(int choice, int id, Logprobs p) {
            began.countDown();
            try {
              go.await();
            } catch (InterruptedException e) {
              throw new AssertionError(e);
            }
            return super.token(choice, id, p);
          }
        };
    heard.ticket = scheduler.submit(request(new int[] {1}, SamplingOptions.greedy(2)), heard);
    try {
      began.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
    return heard;
  }

  @Test
  void aClientWithManyRequestsDoesNotStarveOneWithOne() {
    try (Scheduler scheduler = new Scheduler(model, "tiny", blocks(100).withMaxSequences(1))) {
      CountDownLatch go = new CountDownLatch(1);
      holding(scheduler, go);
      List<String> ends = new ArrayList<>(); // by the scheduler's thread alone
      List<Heard> all = new ArrayList<>();
      for (int i = 0; i < 51; i++) {
        String client = i == 50 ? "few" : "many";
        Heard heard =
            new Heard(1) {
              @Override
              public synchronized void finished(int choice, FinishReason reason) {
                ends.add(client);
                super.finished(choice, reason);
              }
            };
        scheduler.submit(
            new GenerationRequest(
                "tiny",
                TinyModel.prompt(i, 5),
                SamplingOptions.greedy(2),
                1,
                -1,
                Optional.empty(),
                client),
            heard);
        all.add(heard);
      }
      go.countDown();
      all.forEach(Heard::await);
      assertThat(ends.indexOf("few")).isEqualTo(1);
    }
  }

  @Test
  void aShortPromptDoesNotWaitForALongOne() {
    try (Scheduler scheduler = new Scheduler(model, "tiny", blocks(100).withPromptTokens(32))) {
      CountDownLatch go = new CountDownLatch(1);
      Heard running = holding(scheduler, go);
      List<String> firsts = new ArrayList<>();
      List<Heard> all = new ArrayList<>(List.of(running));
      for (int i = 0; i < 2; i++) {
        String name = i == 0 ? "long" : "short";
        Heard heard =
            new Heard(1) {
              @Override
              public synchronized boolean token(int choice, int id, Logprobs p) {
                firsts.add(name);
                return super.token(choice, id, p);
              }
            };
        scheduler.submit(
            request(TinyModel.prompt(i, i == 0 ? 650 : 20), SamplingOptions.greedy(1)), heard);
        all.add(heard);
      }
      go.countDown();
      all.forEach(Heard::await);
      assertThat(firsts).containsExactly("short", "long");
    }
  }

  @Test
  void theQueueHasALimitAndCancelledRequestsLeaveIt() {
    SchedulerOptions two = blocks(100).withMaxSequences(1).withQueueLimit(2);
    try (Scheduler scheduler = new Scheduler(model, "tiny", two)) {
      CountDownLatch go = new CountDownLatch(1);
      Heard running = holding(scheduler, go);
      GenerationRequest r = request(TinyModel.prompt(1, 5), SamplingOptions.greedy(2));
      Heard waiting = submit(scheduler, r);
      Heard cancelled = submit(scheduler, r);
      assertThatThrownBy(() -> submit(scheduler, r))
          .isInstanceOf(QueueFullException.class)
          .hasMessageContaining("at most 2");
      assertThat(scheduler.statistics().waiting()).isEqualTo(2);
      assertThat(cancelled.ticket.cachedPromptTokens()).isEqualTo(-1);
      cancelled.ticket.cancel();
      go.countDown();
      assertThat(cancelled.await().reasons).containsExactly(FinishReason.CANCELLED);
      assertThat(cancelled.answer(0)).isEmpty();
      assertThat(waiting.await().answer(0)).hasSize(2);
      assertThat(running.await().answer(0)).hasSize(2);
    }
  }

  @Test
  void badRequestsAreRefusedWithBothNumbers() {
    try (Scheduler scheduler = new Scheduler(model, "tiny", blocks(4))) {
      assertThat(scheduler.context()).as("what the cache holds").isEqualTo(128);
      SamplingOptions options = SamplingOptions.greedy(500);
      assertThatThrownBy(() -> submit(scheduler, request(TinyModel.prompt(1, 128), options)))
          .isInstanceOf(PromptTooLongException.class)
          .hasMessageContaining("127")
          .hasMessageContaining("128");
      assertThatThrownBy(() -> submit(scheduler, request(new int[0], options)))
          .hasMessageContaining("one token or more");
      assertThatThrownBy(() -> submit(scheduler, request(new int[] {61}, options)))
          .hasMessageContaining("0 to 60, got 61");
      assertThatThrownBy(() -> submit(scheduler, request(new int[] {1}, options, 41, -1)))
          .hasMessageContaining("1 to 40, got 41");
      assertThatThrownBy(
              () -> submit(scheduler, request(new int[] {1}, options.with().numBeams(2).build())))
          .hasMessageContaining("num_beams");
      assertThatThrownBy(
              () ->
                  submit(
                      scheduler,
                      request(new int[] {1}, options.with().stopIds(Set.of(99)).build())))
          .hasMessageContaining("stop id");
      assertThatThrownBy(
              () ->
                  submit(
                      scheduler,
                      new GenerationRequest(
                          "huge", new int[] {1}, options, 1, -1, Optional.empty(), "")))
          .hasMessageContaining("[tiny], got huge");
      Heard full = submit(scheduler, request(TinyModel.prompt(1, 100), options)).await();
      assertThat(full.answer(0)).as("up to what the cache holds").hasSize(28);
      assertThat(full.reasons).containsExactly(FinishReason.LENGTH);
    }
  }

  @Test
  void aConstraintHoldsForEveryTokenOfEveryChoice() {
    TokenConstraint evenThenStop = new Even(0, new AtomicInteger());
    SamplingOptions options = options(7, 50).with().stopIds(Set.of(1)).minNewTokens(9).build();
    try (Scheduler scheduler = new Scheduler(model, "tiny", blocks(6))) {
      Heard heard = new Heard(3);
      scheduler.submit(
          new GenerationRequest(
              "tiny", TinyModel.prompt(1, 30), options, 3, 2, Optional.of(evenThenStop), ""),
          heard);
      heard.await();
      for (int c = 0; c < 3; c++) {
        int[] ids = heard.answer(c);
        assertThat(ids).as("choice %d", c).hasSize(9).endsWith(1);
        assertThat(Arrays.stream(ids).limit(8)).allMatch(id -> id % 2 == 0);
        assertThat(heard.reasons[c]).isEqualTo(FinishReason.STOP);
      }
      assertThat(heard.answer(0)).isNotEqualTo(heard.answer(1));
    }
  }

  /** Eight even ids, then id 1 and nothing else, which min_new_tokens rules out as a stop id. */
  private static final class Even implements TokenConstraint {
    private final AtomicInteger forks;
    private int count;

    Even(int count, AtomicInteger forks) {
      this.count = count;
      this.forks = forks;
    }

    @Override
    public void mask(float[] logits) {
      for (int id = 0; id < logits.length; id++) {
        boolean allowed = count < 8 ? id % 2 == 0 : id == 1;
        logits[id] = allowed ? logits[id] : Float.NEGATIVE_INFINITY;
      }
    }

    @Override
    public void accept(int id) {
      count++;
    }

    @Override
    public TokenConstraint fork() {
      forks.incrementAndGet();
      return new Even(count, forks);
    }
  }

  @Test
  void logprobsAreOfTheModelsDistribution() {
    try (Scheduler scheduler = new Scheduler(model, "tiny", blocks(20))) {
      Heard all = submit(scheduler, request(TinyModel.prompt(1, 9), options(1, 6), 1, 61)).await();
      Heard some = submit(scheduler, request(TinyModel.prompt(1, 9), options(1, 6), 1, 3)).await();
      Heard none = submit(scheduler, request(TinyModel.prompt(1, 9), options(1, 6), 1, -1)).await();
      assertThat(none.logprobs.get(0)).containsOnlyNulls();
      for (int t = 0; t < 6; t++) {
        Logprobs p = all.logprobs.get(0).get(t);
        double sum = 0;
        for (int i = 0; i < 61; i++) {
          sum += Math.exp(p.top()[i]);
          assertThat(i == 0 || p.top()[i] <= p.top()[i - 1]).isTrue();
          assertThat(p.topIds()[i] != all.answer(0)[t] || p.top()[i] == p.chosen()).isTrue();
        }
        assertThat(sum).isCloseTo(1, org.assertj.core.api.Assertions.within(1e-5));
        assertThat(some.logprobs.get(0).get(t).topIds()).isEqualTo(Arrays.copyOf(p.topIds(), 3));
        assertThat(some.logprobs.get(0).get(t).top()).isEqualTo(Arrays.copyOf(p.top(), 3));
      }
    }
  }
}
