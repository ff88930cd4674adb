package llmengine.serve.openai;

import java.util.List;

/**
 * A token of an answer with its natural log-probability.
 *
 * @param text as far as the token is text: broken characters are U+FFFD
 * @param bytes of the token
 * @param start where its text begins in the answer, in characters
 * @param top the likeliest tokens of its position, likeliest first; their lists are empty
 */
record TokenLogprob(
    int id, String text, byte[] bytes, float logprob, int start, List<TokenLogprob> top) {}
