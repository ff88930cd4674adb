package llmengine.serve.schedule;

import java.util.List;
import java.util.Optional;

/** A request on its way, as the scheduler sees it. */
abstract sealed class Job permits AnswerJob, TextJob {
  final ModelEntry model;
  final String client;
  long order; // of admission
  volatile boolean cancelled;
  private RuntimeException problem;
  private volatile int cachedTokens = -1;

  Job(ModelEntry model, String client) {
    this.model = model;
    this.client = client;
  }

  /** All that it computes; the first one computes the prompt. */
  abstract List<? extends Work> works();

  /** Ends its works where they are. */
  abstract void cancelWorks();

  /** Tells the caller that it is cancelled before it began. */
  abstract void tellCancelled();

  /** Tells the caller that it failed. */
  abstract void tellFailed(RuntimeException problem);

  /** Notes why it cannot go on; the first reason counts. */
  final void fail(RuntimeException reason) {
    problem = problem == null ? reason : problem;
  }

  final Optional<RuntimeException> problem() {
    return Optional.ofNullable(problem);
  }

  /** Counts tokens of the prompt that did not have to run. */
  final void reused(int tokens) {
    cachedTokens = Math.max(0, cachedTokens) + tokens;
  }

  final int cachedTokens() {
    return cachedTokens;
  }
}
