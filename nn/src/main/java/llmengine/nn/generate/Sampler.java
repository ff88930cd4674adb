package llmengine.nn.generate;

import llmengine.engine.NonFiniteException;

/**
 * Turns the logits of a token into the next id. The order is that of transformers: bias, penalties,
 * exclusions, constraint; then, if ids are drawn, temperature, top-k, top-p, min-p, typical. Draws
 * are a function of (seed, stream, position in the answer) alone. Nothing is allocated for a token.
 * Belongs to one thread.
 */
public final class Sampler {
  private final SamplingOptions options;
  private final DistributionFilter filter;
  private final int vocab;
  private final int leastKept;

  /**
   * @param vocab number of logits
   * @throws IllegalArgumentException if an id in the options is outside the vocabulary
   */
  public Sampler(SamplingOptions options, int vocab) {
    this(options, vocab, new DistributionFilter(vocab));
  }

  private Sampler(SamplingOptions options, int vocab, DistributionFilter filter) {
    this.options = options;
    this.vocab = vocab;
    this.filter = filter;
    this.leastKept = options.numBeams() > 1 ? options.stopIds().size() + 1 : 1;
    options.stopIds().forEach(id -> inVocabulary("stop id", id));
    options.sequenceBias().forEach(b -> b.ids().forEach(id -> inVocabulary("logit_bias", id)));
    if ((long) options.numBeams() * (options.stopIds().size() + 1) > vocab) {
      throw new IllegalArgumentException(
          "generation: num_beams: expected at most "
              + vocab / (options.stopIds().size() + 1)
              + " with a vocabulary of "
              + vocab
              + ", got "
              + options.numBeams()
              + ".");
    }
  }

  private void inVocabulary(String key, int id) {
    if (id < 0 || id >= vocab) {
      throw new IllegalArgumentException(
          "generation: " + key + ": expected 0 to " + (vocab - 1) + ", got " + id + ".");
    }
  }

  /**
   * A sampler with other options that works in this one's memory, on the same thread.
   *
   * @throws IllegalArgumentException if an id in the options is outside the vocabulary
   */
  public Sampler with(SamplingOptions other) {
    return new Sampler(other, vocab, filter);
  }

  public SamplingOptions options() {
    return options;
  }

  /** A history as this sampler needs it. */
  TokenHistory history(int[] prompt) {
    return new TokenHistory(
        prompt, options.presencePenalty() != 0 || options.frequencyPenalty() != 0);
  }

  /** {@link #next(float[], TokenHistory, long, TokenConstraint)} without a constraint. */
  int next(float[] logits, TokenHistory history, long stream) {
    return next(logits, history, stream, null);
  }

  /**
   * The next id; overwrites the logits. Of equal logits the lowest id wins.
   *
   * @param stream number of the sequence in its call
   * @param constraint null for none; what it rules out is never chosen, not even where all it
   *     allows is excluded otherwise
   */
  int next(float[] logits, TokenHistory history, long stream, TokenConstraint constraint) {
    process(logits, history, constraint);
    return options.draws()
        ? draw(logits, uniform(options.seed(), stream, history.answerLength(), 0))
        : argmax(logits);
  }

  /** All processors in order, in place. */
  void process(float[] logits, TokenHistory history) {
    process(logits, history, null);
  }

  private void process(float[] logits, TokenHistory history, TokenConstraint constraint) {
    for (SamplingOptions.SequenceBias bias : options.sequenceBias()) {
      LogitsProcessors.sequenceBias(logits, history, bias);
    }
    if (options.repetitionPenalty() != 1) {
      LogitsProcessors.repetitionPenalty(
          logits, history.seen(), (float) options.repetitionPenalty());
    }
    LogitsProcessors.countPenalties(
        logits, history, options.presencePenalty(), options.frequencyPenalty());
    if (options.noRepeatNgramSize() > 0) {
      LogitsProcessors.noRepeatNgram(logits, history, options.noRepeatNgramSize());
    }
    if (history.answerLength() < options.minNewTokens()) {
      for (int id : options.stopIds()) {
        logits[id] = Float.NEGATIVE_INFINITY;
      }
    }
    LogitsProcessors.finite(logits);
    if (constraint != null) {
      constraint.mask(logits); // behind finite: an id excluded so far still beats a forbidden one
    }
    if (!options.draws()) {
      return;
    }
    if (options.temperature() != 1) {
      LogitsProcessors.temperature(logits, (float) options.temperature());
    }
    if (options.topK() > 0) {
      filter.topK(logits, Math.max(options.topK(), leastKept));
    }
    if (options.topP() < 1) {
      filter.topP(logits, options.topP(), leastKept);
    }
    if (options.minP() > 0) {
      filter.minP(logits, options.minP(), leastKept);
    }
    if (options.typicalP() < 1) {
      filter.typicalP(logits, options.typicalP(), leastKept);
    }
  }

  private static int argmax(float[] logits) {
    int best = 0;
    for (int i = 1; i < logits.length; i++) {
      best = logits[i] > logits[best] ? i : best;
    }
    return best;
  }

  private static int draw(float[] logits, double uniform) {
    float max = logits[argmax(logits)];
    double rest = uniform * DistributionFilter.total(logits, max);
    int last = -1;
    for (int i = 0; i < logits.length; i++) {
      double weight = logits[i] > Float.NEGATIVE_INFINITY ? Math.exp(logits[i] - max) : 0;
      if (weight > 0) {
        last = i;
        rest -= weight;
        if (rest < 0) {
          return i;
        }
      }
    }
    if (last < 0) {
      throw new NonFiniteException("generate: expected an id with a probability, got none.");
    }
    return last; // rounding left a remainder
  }

  /**
   * A number in [0, 1) from a hash of its arguments (the finalizer of SplitMix64, Steele et al.
   * 2014).
   */
  static double uniform(long seed, long stream, long position, long draw) {
    long h = mix(mix(mix(mix(seed) + stream) + position) + draw);
    return (h >>> 11) * 0x1p-53;
  }

  private static long mix(long z) {
    z += 0x9E3779B97F4A7C15L;
    z = (z ^ z >>> 30) * 0xBF58476D1CE4E5B9L;
    z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
    return z ^ z >>> 31;
  }
}
