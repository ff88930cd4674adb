package llmengine.serve.schedule;

import llmengine.nn.generate.FinishReason;
import llmengine.nn.generate.Sequence;

/** One answer to a request. */
final class Answer extends Work {
  private final AnswerJob job;
  private final Sequence sequence;

  Answer(AnswerJob job, Sequence sequence) {
    this.job = job;
    this.sequence = sequence;
  }

  @Override
  AnswerJob job() {
    return job;
  }

  @Override
  int index() {
    return sequence.index();
  }

  @Override
  int prompt() {
    return sequence.prompt().length;
  }

  @Override
  int length() {
    return sequence.length();
  }

  @Override
  int id(int position) {
    return sequence.id(position);
  }

  @Override
  boolean isOver() {
    return sequence.isOver();
  }

  @Override
  int mostReused() {
    return length() - 1;
  }

  @Override
  void restarted() {} // its tokens stay what they are

  /**
   * Chooses the next token and tells the caller.
   *
   * @param logits overwritten
   * @param scratch as many floats
   */
  void take(float[] logits, float[] scratch) {
    int top = job.asked().topLogprobs();
    if (top >= 0) {
      System.arraycopy(logits, 0, scratch, 0, logits.length);
    }
    int id = sequence.take(logits);
    Logprobs logprobs = top < 0 ? null : Logprobs.of(scratch, id, top);
    if (!job.sink().token(sequence.index(), id, logprobs)) {
      sequence.end(FinishReason.STOP);
    }
  }

  void cancel() {
    sequence.end(FinishReason.CANCELLED);
  }

  @Override
  void tell() {
    job.sink().finished(sequence.index(), sequence.finish().orElseThrow());
  }
}
