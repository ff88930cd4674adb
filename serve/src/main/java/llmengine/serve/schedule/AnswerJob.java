package llmengine.serve.schedule;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import llmengine.nn.generate.FinishReason;
import llmengine.nn.generate.Sampler;
import llmengine.nn.generate.Sequence;
import llmengine.nn.generate.TokenConstraint;

/** A request for answers. */
final class AnswerJob extends Job implements Generations.Ticket {
  private final GenerationRequest asked;
  private final TokenSink sink;
  private final Runnable wake;
  private final List<Answer> answers = new ArrayList<>();

  /**
   * @param context tokens that prompt and answer may have in all
   * @param wake tells the scheduler to look at what was cancelled
   */
  AnswerJob(
      ModelEntry model,
      GenerationRequest asked,
      TokenSink sink,
      Sampler sampler,
      int context,
      Runnable wake) {
    super(model, asked.client());
    this.asked = asked;
    this.sink = sink;
    this.wake = wake;
    for (int c = 0; c < asked.choices(); c++) {
      Optional<TokenConstraint> own = asked.constraint().map(TokenConstraint::fork);
      answers.add(new Answer(this, new Sequence(sampler, asked.prompt(), c, context, own)));
    }
  }

  GenerationRequest asked() {
    return asked;
  }

  TokenSink sink() {
    return sink;
  }

  @Override
  List<Answer> works() {
    return answers;
  }

  @Override
  public void cancel() {
    cancelled = true;
    wake.run();
  }

  @Override
  public int cachedPromptTokens() {
    return cachedTokens();
  }

  @Override
  void cancelWorks() {
    answers.forEach(Answer::cancel);
  }

  @Override
  void tellCancelled() {
    for (int c = 0; c < answers.size(); c++) {
      sink.finished(c, FinishReason.CANCELLED);
    }
  }

  @Override
  void tellFailed(RuntimeException problem) {
    sink.failed(problem);
  }
}
