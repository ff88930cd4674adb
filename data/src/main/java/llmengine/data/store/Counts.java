package llmengine.data.store;

import com.fasterxml.jackson.annotation.JsonProperty;

/**
 * What became of the rows of a dataset. {@code examples} are training rows (fewer than rows when
 * packed); {@code answered} are the kept conversations with a learned token, {@code ended} those of
 * them that learn to stop ({@link llmengine.data.process.Encoded#learnsToStop}); {@code tailTokens}
 * were left out at the ends of pre-training batches.
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
    @JsonProperty("tail_tokens") long tailTokens) {

  public static final Counts NONE = new Counts(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

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
        tailTokens + other.tailTokens);
  }

  public long dropped() {
    return droppedRoles + droppedResponse + droppedLength;
  }

  /** Share of the answers that end with a stop id, 0 to 1; NaN if there is none. */
  public double stopShare() {
    return answered == 0 ? Double.NaN : (double) ended / answered;
  }
}
