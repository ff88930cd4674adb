package llmengine.serve.openai;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.IntPredicate;
import llmengine.nn.generate.FinishReason;
import llmengine.nn.generate.PromptTooLongException;
import llmengine.nn.generate.TokenConstraint;
import llmengine.serve.ServedModel;
import llmengine.serve.http.ApiException;
import llmengine.serve.http.ClientGoneException;
import llmengine.serve.http.ClientWatch;
import llmengine.serve.http.Exchange;
import llmengine.serve.schedule.GenerationRequest;
import llmengine.serve.schedule.Generations;
import llmengine.serve.schedule.QueueFullException;

/** A request that the scheduler works at; closing it ends the work that is left. */
final class GenerationRun implements AutoCloseable {
  /**
   * What is asked for.
   *
   * @param model a name that the server knows
   * @param promptField what the prompt was read from, for errors
   * @param hidden ids that give no text
   * @param topLogprobs as in {@link GenerationRequest}
   */
  record Asked(
      String model,
      int[] prompt,
      String promptField,
      SamplingFields sampling,
      int topLogprobs,
      IntPredicate hidden,
      Optional<TokenConstraint> constraint,
      String client) {}

  private final Exchange exchange;
  private final Asked asked;
  private final Answers answers;
  private final Generations.Ticket ticket;
  private final ClientWatch watch;
  private final Work work;
  private volatile boolean gone;
  private int open;
  private boolean begun;

  private GenerationRun(
      Exchange exchange, Asked asked, Answers answers, Generations.Ticket ticket, Work work) {
    this.exchange = exchange;
    this.asked = asked;
    this.answers = answers;
    this.ticket = ticket;
    this.work = work;
    this.open = asked.sampling.choices();
    this.watch = exchange.watch(this::leave);
    work.started(asked.prompt.length, ticket);
  }

  /** Puts the request in the queue. */
  static GenerationRun start(Exchange exchange, ServedModel model, Asked asked, Work work) {
    SamplingFields s = asked.sampling;
    List<AnswerText> texts = new ArrayList<>();
    for (int i = 0; i < s.choices(); i++) {
      texts.add(
          new AnswerText(
              i, model.tokenizer(), model.tokens(), s.options().stopIds(), s.stop(), asked.hidden));
    }
    Answers answers = new Answers(texts);
    GenerationRequest request =
        new GenerationRequest(
            asked.model,
            asked.prompt,
            s.options(),
            s.choices(),
            asked.topLogprobs,
            asked.constraint,
            asked.client);
    return new GenerationRun(
        exchange,
        asked,
        answers,
        submit(model.generations().orElseThrow(), request, asked, answers),
        work);
  }

  private static Generations.Ticket submit(
      Generations generations, GenerationRequest request, Asked asked, Answers answers) {
    try {
      return generations.submit(request, answers);
    } catch (PromptTooLongException e) {
      throw tooLong(asked.promptField, e);
    } catch (QueueFullException e) {
      throw ApiException.tooMany(e.getMessage());
    } catch (IllegalArgumentException e) {
      throw ApiException.badRequest(null, "invalid_value", e.getMessage());
    }
  }

  /** The error of a prompt that does not fit, with both numbers. */
  static ApiException tooLong(String field, PromptTooLongException e) {
    return ApiException.badRequest(
        field,
        "context_length_exceeded",
        field
            + ": too long: expected at most "
            + e.context()
            + " tokens, got "
            + e.tokens()
            + ". Shorten it.");
  }

  /** The next event. An answer that was not allowed to finish is an exception. */
  AnswerEvent next() {
    AnswerEvent event = answers.next(exchange.left());
    if (event == null) {
      throw exchange.outOfTime();
    }
    switch (event) {
      case AnswerEvent.Failed failed -> throw failure(failed.problem());
      case AnswerEvent.Finished finished -> {
        if (finished.reason() == FinishReason.CANCELLED) {
          throw gone ? new ClientGoneException() : ApiException.stopping();
        }
        open--;
      }
      case AnswerEvent.Piece piece -> {
        if (!begun) {
          begun = true;
          work.firstToken(exchange.seconds());
        }
      }
    }
    return event;
  }

  /** Whether answers are still being written. */
  boolean isOpen() {
    return open > 0;
  }

  Usage usage() {
    return new Usage(
        asked.prompt.length, answers.tokens(), Math.max(0, ticket.cachedPromptTokens()));
  }

  private static RuntimeException failure(RuntimeException problem) {
    return problem instanceof IllegalArgumentException
        ? ApiException.badRequest(null, "invalid_value", problem.getMessage())
        : problem;
  }

  private void leave() {
    gone = true;
    ticket.cancel();
  }

  @Override
  public void close() {
    watch.close();
    ticket.cancel(); // of what is over it has no effect
    work.ended(ticket, usage(), exchange.seconds());
  }
}
