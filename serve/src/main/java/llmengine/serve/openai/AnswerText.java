package llmengine.serve.openai;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.IntPredicate;
import llmengine.data.Tokenizer;
import llmengine.data.tokenizer.StopStrings;
import llmengine.data.tokenizer.StreamDetokenizer;
import llmengine.nn.generate.FinishReason;
import llmengine.serve.TokenTexts;
import llmengine.serve.schedule.Logprobs;

/**
 * One answer's way from tokens to text: whole characters, up to the first stop text, each token's
 * log-probability with the text it belongs to. For one thread at a time.
 */
final class AnswerText {
  private final int choice;
  private final Set<Integer> stopIds;
  private final StreamDetokenizer text;
  private final StopStrings stops;
  private final TokenTexts tokens;
  private final IntPredicate hidden;
  private final ArrayDeque<TokenLogprob> pending = new ArrayDeque<>();
  private int length; // characters decoded
  private int shown; // characters told
  private int count;

  /**
   * @param hidden ids that give no text
   */
  AnswerText(
      int choice,
      Tokenizer tokenizer,
      TokenTexts tokens,
      Set<Integer> stopIds,
      List<String> stop,
      IntPredicate hidden) {
    this.choice = choice;
    this.stopIds = stopIds;
    this.text = new StreamDetokenizer(tokenizer, false);
    this.stops = new StopStrings(stop);
    this.tokens = tokens;
    this.hidden = hidden;
  }

  /** What a token adds; null if there is nothing to tell yet. */
  AnswerEvent.Piece add(int id, Logprobs logprobs) {
    count++;
    if (stopIds.contains(id)) {
      return null;
    }
    if (logprobs != null) {
      pending.add(TokenLogprob.of(tokens, id, logprobs, length));
    }
    String decoded = hidden.test(id) ? "" : text.add(id);
    length += decoded.length();
    return piece(stops.add(decoded), false);
  }

  /** What was held back, at the end; null if that is nothing. */
  AnswerEvent.Piece finish() {
    String rest = stops.add(text.finish());
    return piece(rest + stops.finish(), !isStopped());
  }

  /** Whether a stop text is complete. */
  boolean isStopped() {
    return stops.matched().isPresent();
  }

  AnswerEvent.Finished end(FinishReason reason) {
    return new AnswerEvent.Finished(
        choice, isStopped() ? FinishReason.STOP : reason, stops.matched().orElse(null));
  }

  /** Tokens generated, those that end the answer included. */
  int count() {
    return count;
  }

  private AnswerEvent.Piece piece(String more, boolean all) {
    shown += more.length();
    List<TokenLogprob> told = new ArrayList<>();
    while (!pending.isEmpty() && (all || pending.peek().start() < shown)) {
      told.add(pending.remove());
    }
    return more.isEmpty() && told.isEmpty() ? null : new AnswerEvent.Piece(choice, more, told);
  }
}
