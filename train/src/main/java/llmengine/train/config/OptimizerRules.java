package llmengine.train.config;

import static llmengine.train.config.Rules.keys;
import static llmengine.train.config.Rules.training;

import java.util.function.Predicate;
import java.util.stream.Stream;
import llmengine.train.config.OptimizerArguments.Optimizer;

/** What must hold between the keys of the optimizers. */
final class OptimizerRules {
  private OptimizerRules() {}

  static void add() {
    training(
        keys("use_galore", "use_apollo", "use_badam", "finetuning_type"),
        c ->
            c.isLora()
                && (c.galore().useGalore() || c.apollo().useApollo() || c.badam().useBadam()),
        "is for whole weights: expected finetuning_type full or freeze, got lora. Change it, or"
            + " remove use_galore, use_apollo and use_badam.");
    training(
        keys("use_galore", "use_apollo", "use_badam", "use_adam_mini", "use_muon"),
        c ->
            Stream.of(
                        c.galore().useGalore(),
                        c.apollo().useApollo(),
                        c.badam().useBadam(),
                        c.optimizer().useAdamMini(),
                        c.optimizer().useMuon())
                    .filter(used -> used)
                    .count()
                > 1,
        "one optimizer at a time: expected one of use_galore, use_apollo, use_badam, use_adam_mini"
            + " and use_muon, got several. Keep one.");
    training(
        keys("optim", "use_galore"),
        c ->
            c.galore().useGalore()
                && c.optimizer().optim() != Optimizer.ADAMW_TORCH
                && c.optimizer().optim() != Optimizer.ADAFACTOR,
        "not with GaLore: expected adamw_torch or adafactor, got another. Change optim.");
    training(
        keys("optim", "use_apollo", "use_badam", "use_adam_mini", "use_muon"),
        c ->
            (c.apollo().useApollo()
                    || c.badam().useBadam()
                    || c.optimizer().useAdamMini()
                    || c.optimizer().useMuon())
                && c.optimizer().optim() != Optimizer.ADAMW_TORCH,
        "not with this optimizer: expected adamw_torch, got another. Remove optim.");
    layerwise(
        "galore_layerwise",
        "use_galore",
        c -> c.galore().galoreLayerwise(),
        c -> c.galore().useGalore());
    layerwise(
        "apollo_layerwise",
        "use_apollo",
        c -> c.apollo().apolloLayerwise(),
        c -> c.apollo().useApollo());
    training(
        keys("max_grad_norm", "galore_layerwise", "apollo_layerwise"),
        c -> c.isLayerwise() && c.isGiven("max_grad_norm") && c.optimizer().maxGradNorm() > 0,
        "can't be kept: weights are updated before the norm of all gradients is known: expected 0,"
            + " got more. Remove it, or the layerwise updates.");
    training(
        keys("weight_decay", "badam_mode"),
        c -> c.isBadamByRatio() && c.optimizer().weightDecay() > 0,
        "not with BAdam by ratio, whose formula has none: expected 0, got more. Remove it, or set"
            + " badam_mode: layer.");
  }

  private static void layerwise(
      String key, String method, Predicate<RunConfig> asked, Predicate<RunConfig> used) {
    training(
        keys(key, method),
        c -> asked.test(c) && !used.test(c),
        "belongs to another optimizer: expected "
            + method
            + ": true, got false. Set it or remove "
            + key
            + ".");
    training(
        keys(key, "gradient_accumulation_steps"),
        c -> asked.test(c) && c.training().gradientAccumulationSteps() != 1,
        "updates with every batch's gradients, which then are gone: expected"
            + " gradient_accumulation_steps: 1, got more. Raise per_device_train_batch_size"
            + " instead, or remove "
            + key
            + ".");
  }
}
