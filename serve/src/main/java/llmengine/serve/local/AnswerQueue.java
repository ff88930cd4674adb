package llmengine.serve.local;

import java.util.List;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.IntPredicate;
import llmengine.data.Tokenizer;
import llmengine.data.tokenizer.StopStrings;
import llmengine.data.tokenizer.StreamDetokenizer;
import llmengine.nn.generate.FinishReason;
import llmengine.serve.schedule.Logprobs;
import llmengine.serve.schedule.TokenSink;

/**
 * One answer on its way from the scheduler's thread to the caller's, who may take his time. Tokens
 * become text on the scheduler's thread, so that the one that completes a stop text is the last.
 */
final class AnswerQueue implements TokenSink {
  private sealed interface Event {
    record Text(String text) implements Event {}

    record End(FinishReason reason) implements Event {}

    record Failure(RuntimeException problem) implements Event {}
  }

  private final IntPredicate hidden;
  private final StreamDetokenizer text;
  private final StopStrings stops;
  private final LinkedBlockingQueue<Event> events = new LinkedBlockingQueue<>();
  private final AtomicInteger tokens = new AtomicInteger();

  /**
   * @param hidden ids that are no text
   */
  AnswerQueue(Tokenizer tokenizer, IntPredicate hidden, List<String> stop) {
    this.hidden = hidden;
    this.text = new StreamDetokenizer(tokenizer, false);
    this.stops = new StopStrings(stop);
  }

  @Override
  public boolean token(int choice, int id, Logprobs logprobs) {
    tokens.incrementAndGet();
    if (!hidden.test(id)) {
      add(stops.add(text.add(id)));
    }
    return stops.matched().isEmpty();
  }

  @Override
  public void finished(int choice, FinishReason reason) {
    add(stops.add(text.finish()));
    add(stops.finish());
    events.add(new Event.End(stops.matched().isPresent() ? FinishReason.STOP : reason));
  }

  @Override
  public void failed(RuntimeException problem) {
    events.add(new Event.Failure(problem));
  }

  private void add(String more) {
    if (!more.isEmpty()) {
      events.add(new Event.Text(more));
    }
  }

  /** Tells of the text as it comes, until the answer is over. */
  FinishReason take(Consumer<String> onText) throws InterruptedException {
    while (true) {
      switch (events.take()) {
        case Event.Text(String more) -> onText.accept(more);
        case Event.End(FinishReason reason) -> {
          return reason;
        }
        case Event.Failure(RuntimeException problem) -> throw problem;
      }
    }
  }

  int tokens() {
    return tokens.get();
  }
}
