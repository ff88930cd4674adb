package llmengine.serve.schedule;

import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;

/** A request for what the model makes of a text. */
final class TextJob extends Job {
  /** Turns final hidden states into the result. */
  interface Reading<R> {
    /** Whether all tokens are read, or the last alone. */
    boolean readsAll();

    /** Forgets what was read. */
    void restart();

    /**
     * @param hidden (M, C), the next tokens of the text
     */
    void read(Tape tape, Tensor hidden);

    R result();
  }

  private final Text text;
  private final Runnable finish;
  private final CompletableFuture<?> future;

  <R> TextJob(
      ModelEntry model, String client, int[] ids, Reading<R> reading, CompletableFuture<R> future) {
    super(model, client);
    this.text = new Text(this, ids, reading);
    this.future = future;
    this.finish = () -> future.complete(reading.result());
  }

  @Override
  List<Text> works() {
    return List.of(text);
  }

  void finish() {
    finish.run();
  }

  @Override
  void cancelWorks() {
    fail(new CancellationException("serve: the request was cancelled."));
  }

  @Override
  void tellCancelled() {
    cancelWorks();
    problem().ifPresent(this::tellFailed);
  }

  @Override
  void tellFailed(RuntimeException problem) {
    future.completeExceptionally(problem);
  }
}
