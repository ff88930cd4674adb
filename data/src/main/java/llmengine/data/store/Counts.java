package llmengine.data.store;

import com.fasterxml.jackson.annotation.JsonProperty;

/**
 * What became of the rows of a dataset. {@code examples} are training rows (fewer than rows when
 * packed); {@code answered} are the kept conversations with a learned token, {@code ended} those of
 * them that learn to stop ({@link llmengine.data.process.Encoded#learnsToStop}); {@code tailTokens}
 * were left out at the ends of pre-training batches. {@code droppedResponse} rows lack the answers
 * that the stage needs; {@code desirable} and {@code undesirable} are kept rows with feedback.
 */
public record Counts(
    @JsonProperty("rows") long rows,
    @JsonProperty("examples") long examples,
    @JsonProperty("truncated") long truncated,
    @JsonProperty("dropped_roles") long droppedRoles,
    @JsonProperty("dropped_response") long droppedResponse,
    @JsonProperty("dropped_length") long droppedLength,
    @JsonProperty("nothing_learned") long nothingLearned,
    @JsonProperty("answered") long answered,
    @JsonProperty("ended") long ended,
    @JsonProperty("longest") long longest,
    @JsonProperty("tokens") long tokens,
    @JsonProperty("learned_tokens") long learnedTokens,
    @JsonProperty("tail_tokens") long tailTokens,
    @JsonProperty("identical_pairs") long identicalPairs,
    @JsonProperty("desirable") long desirable,
    @JsonProperty("undesirable") long undesirable) {

  public static final Counts NONE = new Counts(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

  /** What became of the map batch's tokens: rows made of them, learned ones, those left out. */
  static Counts examples(long examples, long learned, long tail) {
    return new Counts(0, examples, 0, 0, 0, 0, 0, 0, 0, 0, -tail, learned, tail, 0, 0, 0);
  }

  public Counts plus(Counts other) {
    return new Counts(
        rows + other.rows,
        examples + other.examples,
        truncated + other.truncated,
        droppedRoles + other.droppedRoles,
        droppedResponse + other.droppedResponse,
        droppedLength + other.droppedLength,
        nothingLearned + other.nothingLearned,
        answered + other.answered,
        ended + other.ended,
        Math.max(longest, other.longest),
        tokens + other.tokens,
        learnedTokens + other.learnedTokens,
        tailTokens + other.tailTokens,
        identicalPairs + other.identicalPairs,
        desirable + other.desirable,
        undesirable + other.undesirable);
  }

  public long dropped() {
    return droppedRoles + droppedResponse + droppedLength;
  }

  /** Share of the answers that end with a stop id, 0 to 1; NaN if there is none. */
  public double stopShare() {
    return answered == 0 ? Double.NaN : (double) ended / answered;
  }
}
