package llmengine.nn.generate;

import java.util.List;
import java.util.Set;

/**
 * How the next token is chosen and when to stop, under the names of LLaMA-Factory and transformers.
 * {@link #defaults} has LLaMA-Factory's defaults; {@link #with} changes some.
 *
 * @param doSample draw from the distribution; false takes the most likely token
 * @param temperature divides the logits; 0 takes the most likely token
 * @param topK keep the k largest logits (and their equals), 0 for all
 * @param topP keep the smallest set of most likely tokens with at least this probability, 1 for all
 * @param minP keep tokens with at least this share of the largest probability, 0 for all
 * @param typicalP keep the most typical tokens up to this probability (Meister et al. 2023), 1 for
 *     all
 * @param repetitionPenalty divides positive and multiplies negative logits of all ids of prompt and
 *     answer, 1 for none
 * @param presencePenalty subtracted from the logit of every id of the answer
 * @param frequencyPenalty subtracted from the logit of an id for each time it is in the answer
 * @param noRepeatNgramSize no n-gram of this size comes twice, 0 to allow it
 * @param sequenceBias added to logits
 * @param minNewTokens stop ids are excluded before that many tokens
 * @param maxNewTokens tokens after the prompt; 0 leaves the limit to maxLength
 * @param maxLength tokens of prompt and answer, if maxNewTokens is 0
 * @param stopIds ids that end a sequence
 * @param seed of the draws: sequence i of a call has its own stream, whatever else is in the batch
 * @param numBeams width of the beam search, 1 for none
 * @param numReturnSequences answers for each prompt of a beam search, at most numBeams
 * @param lengthPenalty exponent of the length that divides a beam's score
 * @param earlyStopping when beam search ends
 */
public record SamplingOptions(
    boolean doSample,
    double temperature,
    int topK,
    double topP,
    double minP,
    double typicalP,
    double repetitionPenalty,
    double presencePenalty,
    double frequencyPenalty,
    int noRepeatNgramSize,
    List<SequenceBias> sequenceBias,
    int minNewTokens,
    int maxNewTokens,
    int maxLength,
    Set<Integer> stopIds,
    long seed,
    int numBeams,
    int numReturnSequences,
    double lengthPenalty,
    EarlyStopping earlyStopping) {

  /**
   * {@code bias} is added to the logit of the last of {@code ids} where the context ends with the
   * others.
   */
  public record SequenceBias(List<Integer> ids, double bias) {
    public SequenceBias {
      ids = List.copyOf(ids);
      check("logit_bias", !ids.isEmpty(), "at least one id", "none");
    }
  }

  public SamplingOptions {
    sequenceBias = List.copyOf(sequenceBias);
    stopIds = Set.copyOf(stopIds);
    check(
        "temperature", temperature >= 0 && temperature < 1e6, "a number of 0 or more", temperature);
    check("top_k", topK >= 0, "0 (all) or more", topK);
    check("top_p", topP > 0 && topP <= 1, "above 0 and at most 1", topP);
    check("min_p", minP >= 0 && minP <= 1, "0 to 1", minP);
    check("typical_p", typicalP > 0 && typicalP <= 1, "above 0 and at most 1", typicalP);
    check(
        "repetition_penalty",
        repetitionPenalty > 0 && repetitionPenalty < 1e6,
        "above 0",
        repetitionPenalty);
    check("presence_penalty", Math.abs(presencePenalty) <= 100, "-100 to 100", presencePenalty);
    check("frequency_penalty", Math.abs(frequencyPenalty) <= 100, "-100 to 100", frequencyPenalty);
    check("no_repeat_ngram_size", noRepeatNgramSize >= 0, "0 (off) or more", noRepeatNgramSize);
    check("min_new_tokens", minNewTokens >= 0, "0 or more", minNewTokens);
    check("max_new_tokens", maxNewTokens >= 0, "0 (use max_length) or more", maxNewTokens);
    check("max_length", maxLength >= 1, "1 or more", maxLength);
    check("num_beams", numBeams >= 1, "1 or more", numBeams);
    check(
        "num_return_sequences",
        numReturnSequences >= 1 && numReturnSequences <= numBeams,
        "1 to num_beams " + numBeams,
        numReturnSequences);
    check("length_penalty", Double.isFinite(lengthPenalty), "a finite number", lengthPenalty);
  }

  private static void check(String key, boolean holds, String expected, Object got) {
    if (!holds) {
      throw new IllegalArgumentException(
          "generation: " + key + ": expected " + expected + ", got " + got + ".");
    }
  }

  /**
   * LLaMA-Factory's: do_sample, temperature 0.95, top_p 0.7, top_k 50, 1024 new tokens. No stop
   * ids.
   */
  public static SamplingOptions defaults() {
    return new Builder().build();
  }

  /** The most likely token each time, at most {@code maxNewTokens} of them. */
  public static SamplingOptions greedy(int maxNewTokens, Integer... stopIds) {
    return new Builder()
        .doSample(false)
        .maxNewTokens(maxNewTokens)
        .stopIds(Set.of(stopIds))
        .build();
  }

  /** Whether tokens are drawn at random. */
  public boolean draws() {
    return doSample && temperature > 0;
  }

  /** New tokens allowed after a prompt of this length in a model with this context; 0 if none. */
  public int budget(int promptTokens, int context) {
    int own = maxNewTokens > 0 ? maxNewTokens : maxLength - promptTokens;
    return Math.max(0, Math.min(own, context - promptTokens));
  }

  /** A builder that starts with these options. */
  public Builder with() {
    Builder b = new Builder();
    b.doSample = doSample;
    b.temperature = temperature;
    b.topK = topK;
    b.topP = topP;
    b.minP = minP;
    b.typicalP = typicalP;
    b.repetitionPenalty = repetitionPenalty;
    b.presencePenalty = presencePenalty;
    b.frequencyPenalty = frequencyPenalty;
    b.noRepeatNgramSize = noRepeatNgramSize;
    b.sequenceBias = sequenceBias;
    b.minNewTokens = minNewTokens;
    b.maxNewTokens = maxNewTokens;
    b.maxLength = maxLength;
    b.stopIds = stopIds;
    b.seed = seed;
    b.numBeams = numBeams;
    b.numReturnSequences = numReturnSequences;
    b.lengthPenalty = lengthPenalty;
    b.earlyStopping = earlyStopping;
    return b;
  }

  /** Collects options; starts with the defaults. */
  public static final class Builder {
    private boolean doSample = true;
    private double temperature = 0.95;
    private int topK = 50;
    private double topP = 0.7;
    private double minP;
    private double typicalP = 1;
    private double repetitionPenalty = 1;
    private double presencePenalty;
    private double frequencyPenalty;
    private int noRepeatNgramSize;
    private List<SequenceBias> sequenceBias = List.of();
    private int minNewTokens;
    private int maxNewTokens = 1024;
    private int maxLength = 1024;
    private Set<Integer> stopIds = Set.of();
    private long seed = 42;
    private int numBeams = 1;
    private int numReturnSequences = 1;
    private double lengthPenalty = 1;
    private EarlyStopping earlyStopping = EarlyStopping.NO;

    public Builder doSample(boolean value) {
      doSample = value;
      return this;
    }

    public Builder temperature(double value) {
      temperature = value;
      return this;
    }

    public Builder topK(int value) {
      topK = value;
      return this;
    }

    public Builder topP(double value) {
      topP = value;
      return this;
    }

    public Builder minP(double value) {
      minP = value;
      return this;
    }

    public Builder typicalP(double value) {
      typicalP = value;
      return this;
    }

    public Builder repetitionPenalty(double value) {
      repetitionPenalty = value;
      return this;
    }

    public Builder presencePenalty(double value) {
      presencePenalty = value;
      return this;
    }

    public Builder frequencyPenalty(double value) {
      frequencyPenalty = value;
      return this;
    }

    public Builder noRepeatNgramSize(int value) {
      noRepeatNgramSize = value;
      return this;
    }

    public Builder sequenceBias(List<SequenceBias> value) {
      sequenceBias = value;
      return this;
    }

    public Builder minNewTokens(int value) {
      minNewTokens = value;
      return this;
    }

    public Builder maxNewTokens(int value) {
      maxNewTokens = value;
      return this;
    }

    public Builder maxLength(int value) {
      maxLength = value;
      return this;
    }

    public Builder stopIds(Set<Integer> value) {
      stopIds = value;
      return this;
    }

    public Builder seed(long value) {
      seed = value;
      return this;
    }

    public Builder numBeams(int value) {
      numBeams = value;
      return this;
    }

    public Builder numReturnSequences(int value) {
      numReturnSequences = value;
      return this;
    }

    public Builder lengthPenalty(double value) {
      lengthPenalty = value;
      return this;
    }

    public Builder earlyStopping(EarlyStopping value) {
      earlyStopping = value;
      return this;
    }

    /**
     * @throws IllegalArgumentException if a value is out of range
     */
    public SamplingOptions build() {
      return new SamplingOptions(
          doSample,
          temperature,
          topK,
          topP,
          minP,
          typicalP,
          repetitionPenalty,
          presencePenalty,
          frequencyPenalty,
          noRepeatNgramSize,
          sequenceBias,
          minNewTokens,
          maxNewTokens,
          maxLength,
          stopIds,
          seed,
          numBeams,
          numReturnSequences,
          lengthPenalty,
          earlyStopping);
    }
  }
}
