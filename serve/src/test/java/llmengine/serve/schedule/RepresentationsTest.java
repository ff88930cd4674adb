package llmengine.serve.schedule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import llmengine.engine.Backend;
import llmengine.engine.Scope;
import llmengine.engine.Tape;
import llmengine.engine.cpu.VectorBackend;
import llmengine.nn.Batch;
import llmengine.nn.Decoder;
import llmengine.nn.ValueHead;
import llmengine.nn.generate.PromptTooLongException;
import llmengine.nn.generate.SamplingOptions;
import llmengine.nn.generate.TinyModel;
import llmengine.serve.schedule.Representations.Pooling;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class RepresentationsTest {
  private final Backend backend = new VectorBackend();
  private final Decoder model = TinyModel.on(backend);
  private final ValueHead head = ValueHead.fresh(backend, 16, 0, 3);

  @AfterEach
  void everythingIsGivenBack() {
    head.close();
    model.close();
    assertThat(backend.memory().used()).isZero();
    backend.close();
  }

  private float[] hidden(int[] ids) {
    try (Scope scope = new Scope(backend, "test")) {
      return model.hidden(Tape.inference(scope), Batch.of(scope, ids, ids.length)).toFloats();
    }
  }

  private float score(int[] ids) {
    try (Scope scope = new Scope(backend, "test")) {
      Tape tape = Tape.inference(scope);
      var hidden = model.hidden(tape, Batch.of(scope, ids, ids.length));
      return head.scores(tape, hidden, new int[] {ids.length - 1}).toFloats()[0];
    }
  }

  @Test
  void embeddingsAndScoresAreThoseOfOnePassWhateverElseRuns() {
    SchedulerOptions options = SchedulerTest.blocks(24).withPromptTokens(64);
    try (Scheduler scheduler = new Scheduler(model, "tiny", Optional.of(head), options)) {
      List<Heard> answers = new ArrayList<>();
      List<int[]> texts = new ArrayList<>();
      List<CompletableFuture<float[]>> last = new ArrayList<>();
      List<CompletableFuture<float[]>> mean = new ArrayList<>();
      List<CompletableFuture<Float>> scores = new ArrayList<>();
      for (int i = 0; i < 12; i++) {
        int[] ids = TinyModel.prompt(i % 7, 1 + 19 * i);
        texts.add(ids);
        Heard heard = new Heard(1);
        scheduler.submit(SchedulerTest.request(ids, SamplingOptions.greedy(40)), heard);
        answers.add(heard);
        last.add(scheduler.embed("tiny", ids, Pooling.LAST, false, "a"));
        mean.add(scheduler.embed("tiny", ids, Pooling.MEAN, true, "a"));
        scores.add(scheduler.score("tiny", ids, ""));
      }
      answers.forEach(Heard::await);
      for (int i = 0; i < 12; i++) {
        float[] all = hidden(texts.get(i));
        int rows = all.length / 16;
        double[] sum = new double[16];
        float[] end = new float[16];
        for (int j = 0; j < all.length; j++) {
          sum[j % 16] += all[j];
          end[j % 16] = all[j];
        }
        assertThat(last.get(i).join()).as("last of text %d", i).isEqualTo(end);
        double squares = 0;
        for (double v : sum) {
          squares += v * v;
        }
        for (int c = 0; c < 16; c++) {
          assertThat(mean.get(i).join()[c])
              .as("mean of %d rows", rows)
              .isEqualTo((float) (sum[c] / Math.sqrt(squares)));
        }
        assertThat(scores.get(i).join()).as("score %d", i).isEqualTo(score(texts.get(i)));
      }
      assertThat(SchedulerLoadTest.awaitIdle(scheduler, 48).usedBlocks()).isZero();
      float[] plain = scheduler.embed("tiny", texts.get(3), Pooling.MEAN, false, "").join();
      float[] unit = scheduler.embed("tiny", texts.get(3), Pooling.MEAN, true, "").join();
      double length = 0;
      for (float v : plain) {
        length += v * v;
      }
      assertThat(plain[0] / Math.sqrt(length)).isCloseTo(unit[0], within(1e-6));
    }
  }

  @Test
  void badTextsAreRefusedAndCancelledOnesTakenBack() {
    try (Scheduler scheduler = new Scheduler(model, "tiny", SchedulerTest.blocks(30))) {
      assertThatThrownBy(() -> scheduler.score("tiny", new int[] {1}, ""))
          .hasMessageContaining("value head");
      assertThatThrownBy(() -> scheduler.embed("other", new int[] {1}, Pooling.LAST, true, ""))
          .hasMessageContaining("[tiny], got other");
      assertThatThrownBy(
              () -> scheduler.embed("tiny", TinyModel.prompt(1, 701), Pooling.LAST, true, ""))
          .isInstanceOf(PromptTooLongException.class);
      List<CompletableFuture<float[]>> all = new ArrayList<>();
      for (int i = 0; i < 30; i++) {
        all.add(scheduler.embed("tiny", TinyModel.prompt(i, 600), Pooling.MEAN, true, ""));
      }
      for (int i = 1; i < 30; i += 2) {
        all.get(i).cancel(true);
      }
      for (int i = 0; i < 30; i += 2) {
        assertThat(all.get(i).join()).hasSize(16);
      }
      assertThat(SchedulerLoadTest.awaitIdle(scheduler, 15).usedBlocks()).isZero();
    }
  }
}
