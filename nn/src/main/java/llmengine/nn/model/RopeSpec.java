package llmengine.nn.model;

/**
 * Rotary embedding of a layer: {@code dims} R of each head are rotated with base {@code theta}; how
 * positions beyond the original context are squeezed in is the {@link Scaling}.
 */
public record RopeSpec(double theta, int dims, Scaling scaling) {
  /** The scalings that checkpoints name in {@code rope_type}. */
  public sealed interface Scaling permits None, LinearScaling, Dynamic, Yarn, Llama3 {}

  public record None() implements Scaling {}

  /** Positions divided by factor (Chen et al. 2023, "position interpolation"). */
  public record LinearScaling(double factor) implements Scaling {}

  /** Base grown with the length beyond the original context ("dynamic NTK"). */
  public record Dynamic(double factor, int originalContext) implements Scaling {}

  /**
   * Peng et al. 2023, "YaRN", section 3.2; attention factor 0 means the formula 0.1 ln(factor) + 1.
   */
  public record Yarn(
      double factor,
      int originalContext,
      double betaFast,
      double betaSlow,
      double attentionFactor,
      boolean truncate)
      implements Scaling {}

  /** Llama 3.1: long wavelengths divided by factor, short ones kept, a ramp in between. */
  public record Llama3(
      double factor, double lowFrequencyFactor, double highFrequencyFactor, int originalContext)
      implements Scaling {}

  public static RopeSpec plain(double theta, int dims) {
    return new RopeSpec(theta, dims, new None());
  }

  public RopeSpec withScaling(Scaling other) {
    return new RopeSpec(theta, dims, other);
  }
}
