package llmengine.serve.openai;

import java.util.ArrayList;
import java.util.List;
import llmengine.serve.TokenTexts;
import llmengine.serve.schedule.Logprobs;

/**
 * A token of an answer with its natural log-probability.
 *
 * @param text as far as the token is text: broken characters are U+FFFD
 * @param bytes of the token
 * @param start where its text begins in the answer, in characters
 * @param top the likeliest tokens of its position, likeliest first; their lists are empty
 */
record TokenLogprob(
    int id, String text, byte[] bytes, float logprob, int start, List<TokenLogprob> top) {
  /** An id's log-probability among those of its position. */
  static TokenLogprob of(TokenTexts tokens, int id, Logprobs logprobs, int start) {
    List<TokenLogprob> top = new ArrayList<>();
    for (int i = 0; i < logprobs.topIds().length; i++) {
      top.add(one(tokens, logprobs.topIds()[i], logprobs.top()[i], start, List.of()));
    }
    return one(tokens, id, logprobs.chosen(), start, top);
  }

  private static TokenLogprob one(
      TokenTexts tokens, int id, float logprob, int start, List<TokenLogprob> top) {
    return new TokenLogprob(id, tokens.text(id), tokens.bytes(id), logprob, start, top);
  }
}
