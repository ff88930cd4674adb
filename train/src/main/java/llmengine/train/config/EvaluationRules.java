package llmengine.train.config;

import static llmengine.train.config.Rules.keys;
import static llmengine.train.config.Rules.note;
import static llmengine.train.config.Rules.training;

import java.util.List;
import llmengine.train.config.CheckpointArguments.SaveStrategy;
import llmengine.train.config.FinetuningArguments.Stage;

/** What must hold between the keys of evaluations and checkpoints. */
final class EvaluationRules {
  private EvaluationRules() {}

  static void add() {
    training(
        keys("load_best_model_at_end", "save_strategy", "eval_strategy"),
        c ->
            c.evaluation().loadBestModelAtEnd()
                && c.checkpoint().saveStrategy() != SaveStrategy.BEST
                && !c.checkpoint()
                    .saveStrategy()
                    .name()
                    .equals(c.evaluation().evalStrategy().name()),
        "needs a checkpoint per evaluation: expected save_strategy equal to eval_strategy (or"
            + " best), got different ones. Set both alike.");
    training(
        keys("load_best_model_at_end", "save_strategy", "eval_strategy"),
        c ->
            (c.evaluation().loadBestModelAtEnd()
                    || c.checkpoint().saveStrategy() == SaveStrategy.BEST)
                && c.evaluation().evalStrategy() == Interval.NO,
        "needs evaluations to know the best: expected an eval_strategy, got no."
            + " Set eval_strategy: steps.");
    training(
        keys("load_best_model_at_end", "save_steps", "eval_steps", "logging_steps"),
        c ->
            c.evaluation().loadBestModelAtEnd()
                && c.checkpoint().saveStrategy() == SaveStrategy.STEPS
                && c.evaluation().evalStrategy() == Interval.STEPS
                && !isMultiple(c.checkpoint().saveSteps(), c.evalSteps()),
        "saves between evaluations: expected save_steps to be a multiple of eval_steps, got"
            + " another number. Change save_steps.");
    training(
        keys("save_strategy", "metric_for_best_model"),
        c -> c.checkpoint().saveStrategy() == SaveStrategy.BEST && c.bestMetric().isEmpty(),
        "needs a metric: expected metric_for_best_model, got none."
            + " Set metric_for_best_model: eval_loss.");
    training(
        keys("metric_for_best_model", "eval_on_each_dataset"),
        c -> c.bestMetric().filter(metric -> !isMetric(c, metric)).isPresent(),
        "no such metric: expected loss, accuracy with compute_accuracy, or rouge-1, rouge-2,"
            + " rouge-l or bleu-4 with predict_with_generate (eval_<dataset>_... if"
            + " eval_on_each_dataset), got another. Correct it.");
    training(
        keys("early_stopping_steps", "eval_strategy"),
        c ->
            c.finetuning().earlyStoppingSteps().isPresent()
                && c.evaluation().evalStrategy() == Interval.NO,
        "counts evaluations: expected an eval_strategy, got no. Set eval_strategy: steps.");
    training(
        keys("early_stopping_steps", "metric_for_best_model", "load_best_model_at_end"),
        c -> c.finetuning().earlyStoppingSteps().isPresent() && c.bestMetric().isEmpty(),
        "needs a metric: expected metric_for_best_model, got none."
            + " Set load_best_model_at_end: true or metric_for_best_model: loss.");
    training(
        keys("save_only_model", "load_best_model_at_end", "resume_from_checkpoint"),
        c -> c.checkpoint().saveOnlyModel() && c.resume() instanceof Resume.Newest,
        "leaves nothing to resume from: expected optimizer state in the checkpoints, got weights"
            + " alone. Remove save_only_model.");
    note(
        keys("compute_accuracy", "stage"),
        c -> c.evaluation().computeAccuracy() && c.finetuning().stage() != Stage.SFT,
        "no effect: it is of stage sft; other stages log their own.");
    note(
        keys("compute_accuracy", "predict_with_generate"),
        c -> c.computesAccuracy() && c.evaluation().predictWithGenerate(),
        "no effect: predict_with_generate compares answers instead.");
    note(
        keys("compute_accuracy", "eval_strategy", "do_eval"),
        c -> c.evaluation().computeAccuracy() && !c.evaluates(),
        "no effect: the run does not evaluate.");
    note(
        keys("profiler_output_dir", "profile"),
        c -> c.profiler().profilerOutputDir().isPresent() && !c.profiler().isOn(),
        "no effect: profile is false.");
  }

  private static boolean isMultiple(Steps save, Steps eval) {
    double ratio = save.setting() / eval.setting();
    return save.setting() < 1 == eval.setting() < 1 && Math.abs(ratio - Math.rint(ratio)) < 1e-9;
  }

  private static boolean isMetric(RunConfig config, String metric) {
    if (!config.finetuning().stage().isCausalLm() && !metric.endsWith("loss")) {
      return true; // rewards, accuracies: the evaluation knows which there are
    }
    List<String> names =
        config.evaluation().predictWithGenerate()
            ? List.of("rouge-1", "rouge-2", "rouge-l", "bleu-4")
            : config.computesAccuracy() ? List.of("loss", "accuracy") : List.of("loss");
    List<String> sets =
        config.data().evalOnEachDataset() && !config.data().evalDataset().isEmpty()
            ? config.data().evalDataset().stream().map(name -> "eval_" + name + "_").toList()
            : List.of("eval_");
    return sets.stream()
        .anyMatch(set -> names.stream().anyMatch(name -> metric.equals(set + name)));
  }
}
