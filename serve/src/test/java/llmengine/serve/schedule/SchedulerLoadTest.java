package llmengine.serve.schedule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import llmengine.engine.Backend;
import llmengine.engine.OutOfMemoryException;
import llmengine.engine.cpu.VectorBackend;
import llmengine.nn.Decoder;
import llmengine.nn.generate.FinishReason;
import llmengine.nn.generate.SamplingOptions;
import llmengine.nn.generate.TinyModel;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class SchedulerLoadTest {
  private final Backend backend = new VectorBackend();
  private final Decoder model = TinyModel.on(backend);

  @AfterEach
  void everythingIsGivenBack() {
    model.close();
    assertThat(backend.memory().used()).isZero();
    backend.close();
  }

  private static Heard submit(Scheduler scheduler, GenerationRequest request) {
    Heard heard = new Heard(request.choices());
    heard.ticket = scheduler.submit(request, heard);
    return heard;
  }

  private static GenerationRequest random(SplittableRandom random) {
    int prompt = 1 + random.nextInt(random.nextInt(10) == 0 ? 150 : 30);
    SamplingOptions options =
        SamplingOptions.defaults()
            .with()
            .maxNewTokens(1 + random.nextInt(12))
            .seed(random.nextInt(5))
            .build();
    int choices = random.nextInt(6) == 0 ? 3 : 1;
    String client = "client " + random.nextInt(4);
    return new GenerationRequest(
        "tiny",
        TinyModel.prompt(random.nextInt(9), prompt),
        options,
        choices,
        random.nextInt(3) - 1,
        Optional.empty(),
        client);
  }

  @Test
  void aThousandRandomRequestsLeaveNothingBehind() {
    try (Scheduler scheduler =
        new Scheduler(model, "tiny", SchedulerTest.blocks(20).withQueueLimit(2000))) {
      submit(scheduler, plain(1, 300)).await(); // the rotary tables grow with positions
      Map<String, Long> before = backend.memory().usedBy();
      SplittableRandom random = new SplittableRandom(3);
      List<Heard> all = new ArrayList<>();
      long tokens = 0;
      CountDownLatch go = new CountDownLatch(0);
      for (int i = 0; i < 1000; i++) {
        if (i % 200
            == 0) { // a hundred that are all there before the first begins, then as they come
          go = new CountDownLatch(1);
          all.add(SchedulerTest.holding(scheduler, go));
        }
        all.add(submit(scheduler, random(random)));
        if (random.nextInt(8) == 0) {
          all.get(random.nextInt(all.size())).ticket.cancel();
        }
        if (i % 100 == 99) {
          go.countDown();
          all.forEach(Heard::await);
        }
      }
      int cancelled = 0;
      for (Heard h : all) {
        assertThat(h.await().problem).isNull();
        for (int c = 0; c < h.reasons.length; c++) {
          assertThat(h.reasons[c]).isNotNull();
          cancelled += h.reasons[c] == FinishReason.CANCELLED ? 1 : 0;
          tokens += h.answer(c).length;
        }
      }
      submit(scheduler, random(random)).await();
      assertThat(cancelled).isPositive();
      SchedulerStatistics s = awaitIdle(scheduler, 1007);
      assertThat(s.usedBlocks()).isZero();
      assertThat(s.freeBlocks() + s.cachedBlocks()).isEqualTo(20);
      assertThat(s.preemptions()).isPositive();
      assertThat(s.cachedPromptTokens()).isPositive();
      assertThat(s.generatedTokens()).isGreaterThanOrEqualTo(tokens);
      assertThat(backend.memory().usedBy()).isEqualTo(before);
    }
  }

  /** The figures once so many requests are over; a sink hears of the end just before they are. */
  static SchedulerStatistics awaitIdle(Scheduler scheduler, long finished) {
    long end = System.nanoTime() + 60_000_000_000L;
    while (true) {
      SchedulerStatistics s = scheduler.statistics();
      if (s.running() == 0 && s.waiting() == 0 && s.finished() >= finished) {
        return s;
      }
      assertThat(System.nanoTime()).as("%s", s).isLessThan(end);
      Thread.onSpinWait();
    }
  }

  @Test
  void manyThreadsGetTheAnswersOfOne() throws Exception {
    List<GenerationRequest> requests = new ArrayList<>();
    SplittableRandom random = new SplittableRandom(5);
    for (int i = 0; i < 60; i++) {
      requests.add(random(random));
    }
    List<Heard> expected = new ArrayList<>();
    try (Scheduler scheduler = new Scheduler(model, "tiny", SchedulerTest.blocks(60))) {
      for (GenerationRequest r : requests) {
        expected.add(submit(scheduler, r).await());
      }
    }
    Map<Integer, Heard> got = new ConcurrentHashMap<>();
    List<Thread> threads = new ArrayList<>();
    try (Scheduler scheduler = new Scheduler(model, "tiny", SchedulerTest.blocks(16))) {
      CountDownLatch go = new CountDownLatch(1);
      for (int t = 0; t < 6; t++) {
        int first = t;
        threads.add(
            Thread.ofPlatform()
                .start(
                    () -> {
                      try {
                        go.await();
                      } catch (InterruptedException e) {
                        throw new AssertionError(e);
                      }
                      for (int i = first; i < 60; i += 6) {
                        Heard heard = submit(scheduler, requests.get(i));
                        got.put(i, i % 3 == 0 ? heard.await() : heard);
                      }
                    }));
      }
      go.countDown();
      for (Thread t : threads) {
        t.join();
      }
      for (int i = 0; i < 60; i++) {
        for (int c = 0; c < requests.get(i).choices(); c++) {
          assertThat(got.get(i).await().answer(c))
              .as("request %d, choice %d", i, c)
              .isEqualTo(expected.get(i).answer(c));
        }
      }
    }
  }

  @Test
  void aSteadyStateTakesNothingFromTheSystem() {
    try (Scheduler scheduler = new Scheduler(model, "tiny", SchedulerTest.blocks(40))) {
      long[] allocations = new long[3];
      for (int round = 0; round < 3; round++) {
        List<Heard> all = new ArrayList<>();
        SplittableRandom random = new SplittableRandom(5);
        for (int i = 0; i < 40; i++) {
          all.add(submit(scheduler, random(random)));
        }
        all.forEach(Heard::await);
        allocations[round] = backend.memory().systemAllocations();
      }
      assertThat(allocations[2]).isEqualTo(allocations[1]);
    }
  }

  @Test
  void whatDoesNotFitIntoMemoryFailsByItself() {
    SchedulerOptions options = SchedulerTest.blocks(40).withPromptTokens(700);
    try (Scheduler scheduler = new Scheduler(model, "tiny", options)) {
      submit(scheduler, plain(1, 20)).await();
      backend.memory().trim();
      backend.memory().limit(backend.memory().reserved() + (256 << 10)); // 20 tokens, not 690
      Heard small = submit(scheduler, plain(1, 20));
      Heard large = submit(scheduler, plain(2, 690));
      Heard other = submit(scheduler, plain(3, 20));
      assertThat(large.await().problem)
          .isInstanceOf(OutOfMemoryException.class)
          .hasMessageContaining("out of memory");
      assertThat(small.await().problem).isNull();
      assertThat(other.await().problem).isNull();
      assertThat(small.answer(0)).hasSize(8);
      assertThat(other.answer(0)).hasSize(8);
      backend.memory().limit(Long.MAX_VALUE);
      assertThat(submit(scheduler, plain(2, 690)).await().answer(0)).hasSize(8);
      assertThat(awaitIdle(scheduler, 5).usedBlocks()).isZero();
    }
  }

  private static GenerationRequest plain(int seed, int prompt) {
    return SchedulerTest.request(TinyModel.prompt(seed, prompt), SamplingOptions.greedy(8));
  }

  @Test
  void aSinkThatThrowsFailsItsRequestAlone() {
    try (Scheduler scheduler = new Scheduler(model, "tiny", SchedulerTest.blocks(40))) {
      Heard bad =
          new Heard(1) {
            @Override
            public synchronized boolean token(int choice, int id, Logprobs p) {
              super.token(choice, id, p);
              if (ids.get(0).size() == 3) {
                throw new IllegalStateException("gone");
              }
              return true;
            }
          };
      scheduler.submit(plain(1, 20), bad);
      Heard good = submit(scheduler, plain(2, 20));
      assertThat(bad.await().problem).hasMessage("gone");
      assertThat(good.await().answer(0)).hasSize(8);
      assertThat(awaitIdle(scheduler, 2).usedBlocks()).isZero();
    }
  }

  @Test
  void drainingAnswersWhatIsThereAndClosingCancelsIt() throws Exception {
    List<Heard> all = new ArrayList<>();
    Scheduler drained = new Scheduler(model, "tiny", SchedulerTest.blocks(40).withMaxSequences(2));
    for (int i = 0; i < 6; i++) {
      all.add(submit(drained, plain(i, 20)));
    }
    drained.drain();
    assertThat(all).allMatch(h -> h.await().answer(0).length == 8);
    assertThatThrownBy(() -> submit(drained, plain(1, 20)))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("shutting down");
    drained.close();

    Scheduler closed = new Scheduler(model, "tiny", SchedulerTest.blocks(40).withMaxSequences(2));
    List<Heard> rest = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      GenerationRequest r = plain(i, 20);
      rest.add(submit(closed, SchedulerTest.request(r.prompt(), SamplingOptions.greedy(600))));
    }
    closed.close();
    assertThat(rest).allMatch(h -> h.await().reasons[0] == FinishReason.CANCELLED);
  }
}
