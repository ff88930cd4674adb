package llmengine.train.config;

import java.util.Optional;

/** What is trained. */
@Section("Fine-tuning")
public record FinetuningArguments(
    @Key(
            preset = "sft",
            later = {"ppo"},
            doc =
                "Training stage: pt learns all text, sft learns answers, rm learns to score them,"
                    + " dpo and kto learn from preferred ones.")
        Stage stage,
    @Key(preset = "lora", doc = "What is trained: adapters (lora, oft), some layers, or all.")
        FinetuningType finetuningType,
    @Key(
            preset = "false",
            doc =
                "LLaMA Pro: trains only the blocks that the expand command added, of which there"
                    + " are freeze_trainable_layers; with freeze or lora.")
        boolean useLlamaPro,
    @Key(
            preset = "false",
            doc = "Keeps trained weights, gradients and optimizer state in bf16, no f32 copy.")
        boolean pureBf16,
    @Key(preset = "false", doc = "Takes the training rows in the order of the data.")
        boolean disableShuffling,
    @Key(min = 1, doc = "Stops after this many evaluations in a row without a better metric.")
        Optional<Integer> earlyStoppingSteps,
    @Key(preset = "false", doc = "Draws the logged losses into training_loss.png.")
        boolean plotLoss,
    @Key(preset = "false", doc = "Adds effective_tokens_per_sec to the training metrics.")
        boolean includeEffectiveTokensPerSecond) {

  /** Training stage. */
  public enum Stage {
    PT,
    SFT,
    RM,
    DPO,
    KTO;

    /** Whether a row holds two answers that are trained on. */
    public boolean isPairwise() {
      return this == RM || this == DPO;
    }

    /** Whether rows are single texts or conversations. */
    public boolean isCausalLm() {
      return this == PT || this == SFT;
    }
  }

  /** Which parameters are trained. */
  public enum FinetuningType {
    LORA,
    OFT,
    FREEZE,
    FULL
  }
}
