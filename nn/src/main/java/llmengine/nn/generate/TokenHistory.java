package llmengine.nn.generate;

import java.util.Arrays;
import java.util.BitSet;

/** The ids of one sequence, prompt and answer, as the logits processors ask for them. */
final class TokenHistory {
  private final BitSet seen = new BitSet();
  private final int promptLength;
  private final boolean counting;
  private int[] ids;
  private int length;
  private int[] counts = {}; // by id, how often the answer has it
  private int[] answerIds = {}; // distinct ids of the answer in order of appearance
  private int distinct;

  /**
   * @param counting keep the counts of the answer's ids
   */
  TokenHistory(int[] prompt, boolean counting) {
    this.counting = counting;
    ids = Arrays.copyOf(prompt, prompt.length + 64);
    length = prompt.length;
    promptLength = prompt.length;
    for (int id : prompt) {
      seen.set(id);
    }
  }

  TokenHistory(TokenHistory other) {
    counting = other.counting;
    ids = other.ids.clone();
    length = other.length;
    promptLength = other.promptLength;
    seen.or(other.seen);
    counts = other.counts.clone();
    answerIds = other.answerIds.clone();
    distinct = other.distinct;
  }

  void add(int id) {
    ids = withRoom(ids, length);
    ids[length++] = id;
    seen.set(id);
    if (counting) {
      counts = withRoom(counts, id);
      if (counts[id]++ == 0) {
        answerIds = withRoom(answerIds, distinct);
        answerIds[distinct++] = id;
      }
    }
  }

  private static int[] withRoom(int[] values, int index) {
    return index < values.length
        ? values
        : Arrays.copyOf(values, Math.max(index + 1, Math.max(16, 2 * values.length)));
  }

  int length() {
    return length;
  }

  int id(int position) {
    return ids[position];
  }

  int answerLength() {
    return length - promptLength;
  }

  int[] answer() {
    return Arrays.copyOfRange(ids, promptLength, length);
  }

  /** Ids of prompt and answer. */
  BitSet seen() {
    return seen;
  }

  /** Number of distinct ids of the answer. */
  int distinct() {
    return distinct;
  }

  int answerId(int i) {
    return answerIds[i];
  }

  int answerCount(int i) {
    return counts[answerIds[i]];
  }
}
