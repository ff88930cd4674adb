package llmengine.serve.openai;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import llmengine.nn.generate.FinishReason;
import llmengine.serve.schedule.Logprobs;
import llmengine.serve.schedule.TokenSink;

/**
 * The answers to a request on their way from the scheduler's thread to the one that sends them.
 * What a token means for the text is found out on the scheduler's thread, so that an answer ends
 * with the token that completes a stop text.
 */
final class Answers implements TokenSink {
  private final List<AnswerText> texts;
  private final LinkedBlockingQueue<AnswerEvent> events = new LinkedBlockingQueue<>();

  /**
   * @param texts one for each answer
   */
  Answers(List<AnswerText> texts) {
    this.texts = texts;
  }

  @Override
  public boolean token(int choice, int id, Logprobs logprobs) {
    AnswerText text = texts.get(choice);
    AnswerEvent.Piece piece = text.add(id, logprobs);
    if (piece != null) {
      events.add(piece);
    }
    return !text.isStopped();
  }

  @Override
  public void finished(int choice, FinishReason reason) {
    AnswerText text = texts.get(choice);
    AnswerEvent.Piece rest = text.finish();
    if (rest != null) {
      events.add(rest);
    }
    events.add(text.end(reason));
  }

  @Override
  public void failed(RuntimeException problem) {
    events.add(new AnswerEvent.Failed(problem));
  }

  /** The next event; null if none comes in time. */
  AnswerEvent next(Duration time) {
    try {
      return events.poll(Math.max(0, time.toNanos()), TimeUnit.NANOSECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return null;
    }
  }

  /** Tokens of all answers so far; the events that were taken tell of no more. */
  int tokens() {
    return texts.stream().mapToInt(AnswerText::count).sum();
  }
}
