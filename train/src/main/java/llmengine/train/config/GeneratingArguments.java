package llmengine.train.config;

import java.util.List;
import java.util.Optional;

/** How text is generated. */
@Section("Generation")
public record GeneratingArguments(
    @Key(preset = "true", doc = "Draws tokens at random; false takes the likeliest.")
        boolean doSample,
    @Key(preset = "0.95", min = 0, doc = "Softmax temperature; 0 takes the likeliest token.")
        double temperature,
    @Key(
            preset = "0.7",
            min = 0,
            max = 1,
            doc = "Draws from the likeliest tokens that together reach this probability.")
        double topP,
    @Key(preset = "50", min = 0, doc = "Draws from this many likeliest tokens; 0 from all.")
        int topK,
    @Key(preset = "1", min = 1, doc = "Beams of beam search; 1 searches none.") int numBeams,
    @Key(
            preset = "1024",
            min = 1,
            doc = "Longest prompt and answer in tokens, used if max_new_tokens is 0 or less.")
        int maxLength,
    @Key(preset = "1024", doc = "Longest answer in tokens; 0 or less leaves it to max_length.")
        int maxNewTokens,
    @Key(
            preset = "1.0",
            above = 0,
            doc = "Divides the positive scores of tokens already seen, multiplies negative ones.")
        double repetitionPenalty,
    @Key(preset = "1.0", doc = "Exponent of the length that beam scores are divided by.")
        double lengthPenalty,
    @Key(preset = "true", doc = "Leaves special tokens out of the text.") boolean skipSpecialTokens,
    @Key(
            own = true,
            preset = "0.0",
            min = 0,
            max = 1,
            doc = "Drops tokens less likely than this times the likeliest.")
        double minP,
    @Key(
            own = true,
            preset = "0.0",
            min = -2,
            max = 2,
            doc = "Subtracted from the score of every token already generated.")
        double presencePenalty,
    @Key(
            own = true,
            preset = "0.0",
            min = -2,
            max = 2,
            doc = "Subtracted from a token's score once for each time it was generated.")
        double frequencyPenalty,
    @Key(
            own = true,
            preset = "false",
            doc = "Beam search stops as soon as num_beams answers are complete.")
        boolean beamEarlyStopping,
    @Key(own = true, preset = "[]", doc = "Further texts that end an answer.") List<String> stop,
    @Key(own = true, doc = "Seed of the drawn tokens; null draws differently each time.")
        Optional<Integer> samplingSeed) {

  /** Whether the likeliest token is always taken. */
  public boolean greedy() {
    return !doSample || temperature == 0;
  }
}
