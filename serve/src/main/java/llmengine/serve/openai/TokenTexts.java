package llmengine.serve.openai;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import llmengine.data.Tokenizer;
import llmengine.serve.schedule.Logprobs;

/** Tokens one by one, as lists of log-probabilities show them. */
final class TokenTexts {
  private final Tokenizer tokenizer;

  TokenTexts(Tokenizer tokenizer) {
    this.tokenizer = tokenizer;
  }

  TokenLogprob logprob(int id, Logprobs logprobs, int start) {
    List<TokenLogprob> top = new ArrayList<>();
    for (int i = 0; i < logprobs.topIds().length; i++) {
      top.add(one(logprobs.topIds()[i], logprobs.top()[i], start, List.of()));
    }
    return one(id, logprobs.chosen(), start, top);
  }

  private TokenLogprob one(int id, float logprob, int start, List<TokenLogprob> top) {
    String text = tokenizer.decode(new int[] {id}, false);
    return new TokenLogprob(id, text, text.getBytes(StandardCharsets.UTF_8), logprob, start, top);
  }
}
