package llmengine.train.config;

import static llmengine.train.config.Rules.keys;
import static llmengine.train.config.Rules.training;

import llmengine.train.config.FinetuningArguments.Stage;
import llmengine.train.config.OptimizerArguments.Scheduler;
import llmengine.train.config.PpoArguments.RewardType;

/** What must hold between the keys of stage ppo. */
final class PpoRules {
  private PpoRules() {}

  static void add() {
    training(
        keys("reward_model", "stage"),
        c -> isPpo(c) && c.ppo().rewardModel().isEmpty(),
        "missing: expected what scores the answers in stage ppo, got nothing. Add reward_model.");
    training(
        keys("reward_model", "reward_model_type"),
        c ->
            c.ppo().rewardModelType() == RewardType.API
                && c.ppo().rewardModel().filter(url -> !url.matches("https?://\\S+")).isPresent(),
        "no address: expected http://... or https://... for reward_model_type api, got another."
            + " Correct it.");
    training(
        keys("reward_model_type", "finetuning_type"),
        c -> isPpo(c) && c.ppo().rewardModelType() == RewardType.LORA && !c.isLora(),
        "is an adapter: expected finetuning_type lora, got another. Set reward_model_type: full, or"
            + " api.");
    training(
        keys("reward_model_quantization_bit", "reward_model_type"),
        c ->
            c.ppo().rewardModelQuantizationBit().isPresent()
                && (c.ppo().rewardModelType() != RewardType.FULL
                    || c.ppo()
                        .rewardModelQuantizationBit()
                        .filter(b -> b != 4 && b != 8)
                        .isPresent()),
        "packs a whole reward model: expected reward_model_type full, and 4 or 8, got another."
            + " Correct it.");
    training(
        keys("stage", "do_eval", "eval_strategy", "eval_dataset"),
        c -> isPpo(c) && c.evaluates(),
        "has no evaluation: expected none in stage ppo, got one. Remove do_eval, eval_strategy.");
    training(
        keys("lr_scheduler_type", "stage"),
        c -> isPpo(c) && c.optimizer().lrSchedulerType() == Scheduler.REDUCE_LR_ON_PLATEAU,
        "follows evaluations, which stage ppo has not: expected another one, got"
            + " reduce_lr_on_plateau. Change it.");
  }

  private static boolean isPpo(RunConfig config) {
    return config.finetuning().stage() == Stage.PPO;
  }
}
