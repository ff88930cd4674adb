package llmengine.train.config;

import java.util.Locale;
import java.util.Map;

/** The optimizer and its learning rate over time. */
@Section(value = "Optimizer", trainingOnly = true)
public record OptimizerArguments(
    @Key(
            preset = "adamw_torch_fused",
            alias = {
              "adamw_torch_fused=adamw_torch",
              "adamw_torch_xla=adamw_torch",
              "adamw_torch_npu_fused=adamw_torch",
              "adamw_apex_fused=adamw_torch",
              "paged_adamw_32bit=adamw_torch",
              "paged_lion_32bit=lion_32bit",
              "adamw_bnb_8bit=adamw_8bit",
              "paged_adamw_8bit=adamw_8bit",
              "paged_lion_8bit=lion_8bit",
              "rmsprop_bnb=rmsprop",
              "rmsprop_bnb_32bit=rmsprop"
            },
            later = {
              "adamw_anyprecision",
              "adamw_torch_4bit",
              "adamw_torch_8bit",
              "ademamix",
              "ademamix_8bit",
              "paged_ademamix_32bit",
              "paged_ademamix_8bit",
              "galore_adamw",
              "galore_adamw_8bit",
              "galore_adafactor",
              "galore_adamw_layerwise",
              "galore_adamw_8bit_layerwise",
              "galore_adafactor_layerwise",
              "lomo",
              "adalomo",
              "grokadamw",
              "schedule_free_radam",
              "schedule_free_adamw",
              "schedule_free_sgd",
              "apollo_adamw",
              "apollo_adamw_layerwise",
              "stable_adamw"
            },
            doc =
                "Optimizer: AdamW under any of its names, Adafactor, Adagrad, Lion, RMSprop or"
                    + " plain SGD. 8bit keeps a byte for each value of state; paged ones are"
                    + " ordinary.")
        Optimizer optim,
    @Key(preset = "5e-05", min = 0, doc = "Highest learning rate.") double learningRate,
    @Key(preset = "0.0", min = 0, doc = "Decoupled weight decay; spares biases and norms.")
        double weightDecay,
    @Key(preset = "0.9", min = 0, below = 1, doc = "Decay of AdamW's mean of gradients.")
        double adamBeta1,
    @Key(preset = "0.999", min = 0, below = 1, doc = "Decay of AdamW's mean of squared gradients.")
        double adamBeta2,
    @Key(preset = "1e-08", above = 0, doc = "Added to AdamW's denominator.") double adamEpsilon,
    @Key(
            preset = "1.0",
            doc = "Gradients are scaled down to this norm over all parameters; 0 or less does not.")
        double maxGradNorm,
    @Key(preset = "linear", doc = "Course of the learning rate after the warm-up.")
        Scheduler lrSchedulerType,
    @Key(
            preset = "{}",
            doc = "Parameters of that course, for example {min_lr: 1e-6} or {num_cycles: 2}.")
        Map<String, Object> lrSchedulerKwargs,
    @Key(
            preset = "0.0",
            min = 0,
            max = 1,
            doc = "Share of the steps, rounded up, over which the rate rises from 0.")
        double warmupRatio,
    @Key(preset = "0", min = 0, doc = "Steps of that rise; above 0 it replaces warmup_ratio.")
        int warmupSteps,
    @Key(preset = "false", doc = "Adam-mini: one second moment for each head or output row.")
        boolean useAdamMini,
    @Key(preset = "false", doc = "Muon: orthogonalized momentum for matrices, AdamW for the rest.")
        boolean useMuon) {

  /** How parameters are updated. */
  public enum Optimizer {
    ADAMW_TORCH,
    ADAMW_8BIT,
    ADAFACTOR,
    ADAGRAD,
    LION_32BIT,
    LION_8BIT,
    RMSPROP,
    RMSPROP_BNB_8BIT,
    SGD
  }

  /** Course of the learning rate. */
  public enum Scheduler {
    LINEAR,
    COSINE,
    COSINE_WITH_RESTARTS,
    POLYNOMIAL,
    CONSTANT,
    CONSTANT_WITH_WARMUP,
    INVERSE_SQRT,
    REDUCE_LR_ON_PLATEAU,
    COSINE_WITH_MIN_LR,
    COSINE_WARMUP_WITH_MIN_LR,
    WARMUP_STABLE_DECAY;

    /** The name as in a configuration file. */
    public String key() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /** Warm-up steps of a run of {@code total} optimizer steps. */
  public int warmupStepsOf(int total) {
    return warmupSteps > 0 ? warmupSteps : (int) Math.ceil(total * warmupRatio);
  }
}
