package llmengine.serve.schedule;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import llmengine.nn.generate.FinishReason;

/** Everything a request's sink was told. */
class Heard implements TokenSink {
  final List<List<Integer>> ids = new ArrayList<>();
  final List<List<Logprobs>> logprobs = new ArrayList<>();
  final FinishReason[] reasons;
  volatile Generations.Ticket ticket;
  volatile RuntimeException problem;
  private final CountDownLatch over;

  Heard(int choices) {
    for (int c = 0; c < choices; c++) {
      ids.add(new ArrayList<>());
      logprobs.add(new ArrayList<>());
    }
    reasons = new FinishReason[choices];
    over = new CountDownLatch(choices);
  }

  @Override
  public synchronized boolean token(int choice, int id, Logprobs p) {
    ids.get(choice).add(id);
    logprobs.get(choice).add(p);
    return true;
  }

  @Override
  public synchronized void finished(int choice, FinishReason reason) {
    if (reasons[choice] != null) {
      throw new AssertionError("choice " + choice + " ended twice");
    }
    reasons[choice] = reason;
    over.countDown();
  }

  @Override
  public void failed(RuntimeException e) {
    problem = e;
    while (over.getCount() > 0) {
      over.countDown();
    }
  }

  /** Waits for the end; fails if it does not come. */
  Heard await() {
    try {
      if (!over.await(60, TimeUnit.SECONDS)) {
        throw new AssertionError("no end after a minute: " + Arrays.toString(reasons));
      }
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
    return this;
  }

  synchronized int[] answer(int choice) {
    return ids.get(choice).stream().mapToInt(i -> i).toArray();
  }
}
