package llmengine.train.config;

import java.util.List;
import java.util.Optional;

/** Reinforcement learning from the scores of a reward model: stage ppo. */
@Section(value = "PPO", trainingOnly = true)
public record PpoArguments(
    @Key(
            doc =
                "Reward model: an adapter or a model that stage rm trained, or the address of a"
                    + " server; see reward_model_type.")
        Optional<String> rewardModel,
    @Key(preset = "[]", doc = "Adapters merged into a reward_model of type full.")
        List<String> rewardModelAdapters,
    @Key(
            min = 4,
            max = 8,
            doc = "Bits of a reward_model of type full: 4 is NF4, 8 is LLM.int8(); null keeps all.")
        Optional<Integer> rewardModelQuantizationBit,
    @Key(
            preset = "lora",
            later = {"oft"},
            doc =
                "What reward_model is: an adapter of the model that is trained, a whole model, or a"
                    + " server (api).")
        RewardType rewardModelType,
    @Key(
            preset = "1",
            min = 1,
            doc = "Batches of prompts that are answered before the optimizer steps.")
        int ppoBufferSize,
    @Key(preset = "4", min = 1, doc = "Passes over the answers of a step.") int ppoEpochs,
    @Key(preset = "false", doc = "Scales scores by their running mean and deviation.")
        boolean ppoScoreNorm,
    @Key(
            preset = "6.0",
            above = 0,
            doc = "KL divergence from the reference that the penalty aims at.")
        double ppoTarget,
    @Key(preset = "false", doc = "Gives the rewards of tokens a variance of 1.")
        boolean ppoWhitenRewards,
    @Key(
            own = true,
            preset = "60",
            above = 0,
            doc = "Seconds that a reward server may take for an answer.")
        double rewardTimeout) {

  /** Where rewards come from. */
  public enum RewardType {
    LORA,
    FULL,
    API
  }
}
