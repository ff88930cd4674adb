package llmengine.train.config;

import java.util.Optional;

/** When the model is evaluated and which checkpoint is the best. */
@Section(value = "Evaluation", trainingOnly = true)
public record EvaluationArguments(
    @Key(preset = "no", doc = "When to evaluate during training.") Interval evalStrategy,
    @Key(doc = "Steps between evaluations, or a share of the run; null is logging_steps.")
        Optional<Steps> evalSteps,
    @Key(preset = "false", doc = "Ends with the weights of the best checkpoint.")
        boolean loadBestModelAtEnd,
    @Key(doc = "Metric that says which checkpoint is the best; null is loss where one is needed.")
        Optional<String> metricForBestModel,
    @Key(doc = "Whether more of that metric is better; null is no for a loss.")
        Optional<Boolean> greaterIsBetter,
    @Key(
            preset = "false",
            doc = "Evaluates by generated answers (ROUGE, BLEU) instead of the loss; stage sft.")
        boolean predictWithGenerate,
    @Key(
            preset = "false",
            doc =
                "Adds to evaluations of stage sft the share of labelled tokens that the model finds"
                    + " likeliest, averaged over rows, as eval_accuracy.")
        boolean computeAccuracy,
    @Key(min = 1, doc = "Longest prompt and answer of these; null leaves it to max_new_tokens.")
        Optional<Integer> generationMaxLength,
    @Key(min = 1, doc = "Beams of these if eval_num_beams is null; null is num_beams.")
        Optional<Integer> generationNumBeams) {}
