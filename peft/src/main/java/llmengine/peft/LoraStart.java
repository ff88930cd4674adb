package llmengine.peft;

/** What the low-rank matrices of a new adapter are made of ({@code init_lora_weights}). */
public sealed interface LoraStart {
  /** Chance, and no change of the model's results. */
  record Plain() implements LoraStart {}

  /**
   * PiSSA (Meng et al. 2024): the strongest singular directions of the weight, which keeps the
   * rest.
   *
   * @param iterations of the fast decomposition; -1 for an exact one
   */
  record Pissa(int iterations) implements LoraStart {
    public static final int EXACT = -1;
  }

  /**
   * LoftQ (Li et al. 2023): the weight becomes NF4, and A and B start with the strongest singular
   * directions of what the rounding lost.
   *
   * @param iterations of rounding what A and B leave and decomposing what that loses; at least 1
   */
  record Loftq(int iterations) implements LoraStart {
    /** The only number of bits. */
    public static final int BITS = 4;
  }
}
