package llmengine.serve.schedule;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import llmengine.engine.Backend;
import llmengine.engine.cpu.VectorBackend;
import llmengine.nn.Decoder;
import llmengine.nn.generate.FinishReason;
import llmengine.nn.generate.SamplingOptions;
import llmengine.nn.generate.TinyModel;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Random traffic of 16 clients for {@code -Dsoak.seconds} (3 by default): every answer is the one
 * that the same question has alone, memory stays where it was, nobody starves.
 */
class SoakTest {
  private static final int CLIENTS = 16;
  private static final int QUESTIONS = 200;
  private static final int BLOCKS = 16; // far too few for all clients: answers have to give way

  @Test
  @Timeout(value = 2, unit = TimeUnit.HOURS) // as long as it is told to
  void noWrongTokenNoGrowthNobodyStarves() throws InterruptedException {
    long seconds = Long.getLong("soak.seconds", 3);
    try (Backend backend = new VectorBackend();
        Decoder model = TinyModel.on(backend)) {
      List<GenerationRequest> questions = questions();
      List<List<int[]>> expected = alone(model, questions);
      try (Scheduler scheduler = new Scheduler(model, "tiny", SchedulerTest.blocks(BLOCKS))) {
        traffic(scheduler, questions, expected, System.nanoTime() + 1_000_000_000L); // warm
        long used = SchedulerLoadTest.awaitIdle(scheduler, 0).usedBlocks();
        assertThat(used).isZero();
        long before = backend.memory().reserved();
        AtomicLong[] answered =
            traffic(scheduler, questions, expected, System.nanoTime() + seconds * 1_000_000_000L);
        SchedulerStatistics s = SchedulerLoadTest.awaitIdle(scheduler, 0);
        assertThat(s.usedBlocks()).isZero();
        if (seconds >= 60) { // a few a second, none on a machine that is busy otherwise
          assertThat(s.preemptions()).isPositive();
        }
        assertThat(s.cachedPromptTokens()).isPositive();
        assertThat(backend.memory().reserved()).as("memory held").isEqualTo(before);
        long most = 0;
        long least = Long.MAX_VALUE;
        for (AtomicLong count : answered) {
          most = Math.max(most, count.get());
          least = Math.min(least, count.get());
        }
        assertThat(least).as("answers of the worst client, best %d", most).isGreaterThan(most / 4);
        System.out.printf(
            "soak: %d s, %d answers, %d preemptions%n", seconds, s.finished(), s.preemptions());
      }
    }
  }

  private static List<GenerationRequest> questions() {
    SplittableRandom random = new SplittableRandom(11);
    List<GenerationRequest> all = new ArrayList<>();
    for (int q = 0; q < QUESTIONS; q++) {
      SamplingOptions options =
          SamplingOptions.defaults()
              .with()
              .maxNewTokens(1 + random.nextInt(40))
              .seed(q)
              .topP(1)
              .topK(0)
              .build();
      int prompt = 1 + random.nextInt(q % 10 == 0 ? 400 : 60);
      all.add(
          new GenerationRequest(
              "tiny",
              TinyModel.prompt(q % 20, prompt),
              options,
              q % 7 == 0 ? 2 : 1,
              -1,
              Optional.empty(),
              ""));
    }
    return all;
  }

  /** What each question gets when nothing else runs and nothing is kept. */
  private static List<List<int[]>> alone(Decoder model, List<GenerationRequest> questions) {
    List<List<int[]>> answers = new ArrayList<>();
    for (GenerationRequest question : questions) {
      try (Scheduler scheduler = new Scheduler(model, "tiny", SchedulerTest.blocks(60))) {
        answers.add(answers(heard(scheduler, question).await()));
      }
    }
    return answers;
  }

  private static Heard heard(Scheduler scheduler, GenerationRequest question) {
    Heard heard = new Heard(question.choices());
    heard.ticket = scheduler.submit(question, heard);
    return heard;
  }

  private static List<int[]> answers(Heard heard) {
    assertThat(heard.problem).isNull();
    List<int[]> answers = new ArrayList<>();
    for (int c = 0; c < heard.reasons.length; c++) {
      answers.add(heard.answer(c));
    }
    return answers;
  }

  /** Each client asks one question after the other, now and then takes one back; until then. */
  private static AtomicLong[] traffic(
      Scheduler scheduler,
      List<GenerationRequest> questions,
      List<List<int[]>> expected,
      long until)
      throws InterruptedException {
    AtomicLong[] answered = new AtomicLong[CLIENTS];
    ConcurrentLinkedQueue<Throwable> problems = new ConcurrentLinkedQueue<>();
    List<Thread> threads = new ArrayList<>();
    for (int c = 0; c < CLIENTS; c++) {
      int client = c;
      answered[c] = new AtomicLong();
      threads.add(
          Thread.ofVirtual()
              .start(
                  () -> {
                    try {
                      SplittableRandom random = new SplittableRandom(client);
                      while (System.nanoTime() < until && problems.isEmpty()) {
                        ask(scheduler, questions, expected, random);
                        answered[client].incrementAndGet();
                      }
                    } catch (RuntimeException | AssertionError e) {
                      problems.add(e);
                    }
                  }));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(problems).isEmpty();
    return answered;
  }

  private static void ask(
      Scheduler scheduler,
      List<GenerationRequest> questions,
      List<List<int[]>> expected,
      SplittableRandom random) {
    int q = random.nextInt(QUESTIONS);
    Heard heard = heard(scheduler, questions.get(q));
    boolean takenBack = random.nextInt(12) == 0;
    if (takenBack) {
      heard.ticket.cancel();
    }
    List<int[]> got = answers(heard.await());
    for (int c = 0; c < got.size(); c++) {
      int[] whole = expected.get(q).get(c);
      if (heard.reasons[c] == FinishReason.CANCELLED) {
        assertThat(takenBack).isTrue();
        assertThat(Arrays.copyOf(whole, got.get(c).length))
            .as("question %d", q)
            .isEqualTo(got.get(c));
      } else {
        assertThat(got.get(c)).as("question %d", q).isEqualTo(whole);
      }
    }
  }
}
