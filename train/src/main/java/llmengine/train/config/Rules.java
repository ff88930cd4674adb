package llmengine.train.config;

import static llmengine.train.config.RunConfig.Command.EXPORT;
import static llmengine.train.config.RunConfig.Command.TRAIN;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import llmengine.train.config.CheckpointArguments.SaveStrategy;
import llmengine.train.config.DataArguments.MixStrategy;
import llmengine.train.config.FinetuningArguments.FinetuningType;
import llmengine.train.config.FinetuningArguments.Stage;
import llmengine.train.config.OptimizerArguments.Scheduler;

/**
 * What must hold between keys: LLaMA-Factory's rules and those of transformers' training arguments,
 * as far as they concern what exists here. The value that follows from other keys (packing, the
 * adapter's alpha, the best metric) is computed in {@link RunConfig} and its records.
 */
final class Rules {

  /** A broken rule: the keys it is about, the first of them to blame, and what to do. */
  record Finding(List<String> keys, String message, boolean isError) {}

  record Rule(List<String> keys, boolean isError, Predicate<RunConfig> broken, String message) {}

  private static final List<Rule> ALL = new ArrayList<>();

  static {
    // what to do
    error(
        keys("export_dir"),
        c -> c.command() == EXPORT && c.export().exportDir().isEmpty(),
        "missing: expected the folder to write, got nothing. Add export_dir: ...");
    training(
        keys("do_train"),
        c -> !c.training().doTrain() && !c.evaluates() && !c.training().doPredict(),
        "nothing to do: expected do_train, do_eval or do_predict, got none. Set do_train: true.");
    training(
        keys("dataset"),
        c -> c.training().doTrain() && c.data().dataset().isEmpty(),
        "missing: expected names of dataset_info.json to train on, got none. Add dataset: ...");
    training(
        keys("do_eval", "do_predict", "eval_strategy", "eval_dataset", "val_size"),
        c ->
            (c.evaluates() || c.training().doPredict())
                && c.data().evalDataset().isEmpty()
                && !c.data().valSize().isGiven(),
        "nothing to evaluate: expected eval_dataset or val_size, got neither. Add one of them.");

    // data
    error(
        keys("val_size", "dataset"),
        c -> c.data().valSize().isGiven() && c.data().dataset().isEmpty(),
        "nothing to hold out from: expected a dataset, got none. Add dataset or remove val_size.");
    error(
        keys("val_size", "eval_dataset"),
        c -> c.data().valSize().isGiven() && !c.data().evalDataset().isEmpty(),
        "excludes eval_dataset: expected one of them, got both. Remove one.");
    error(
        keys("interleave_probs", "mix_strategy"),
        c -> !c.data().interleaveProbs().isEmpty() && c.data().mixStrategy() == MixStrategy.CONCAT,
        "needs interleaving: expected another mix_strategy, got concat."
            + " Set mix_strategy: interleave_under or remove interleave_probs.");
    error(
        keys("interleave_probs", "dataset", "eval_dataset"),
        c ->
            countDiffers(c.data().interleaveProbs(), c.data().dataset())
                || countDiffers(c.data().interleaveProbs(), c.data().evalDataset()),
        "other length than the datasets: expected one number per dataset (and eval_dataset), got"
            + " another count. Give as many numbers as names.");
    error(
        keys("interleave_probs"),
        c ->
            !c.data().interleaveProbs().isEmpty()
                && Math.abs(sum(c.data().interleaveProbs()) - 1) > 1e-6,
        "not probabilities: expected numbers that add up to 1, got another sum. Correct them.");
    error(
        keys("mask_history", "train_on_prompt"),
        c -> c.data().maskHistory() && c.data().trainOnPrompt(),
        "hides what train_on_prompt learns: expected one of them, got both. Remove one.");
    error(
        keys("dataset_dir"),
        c -> c.data().datasetDir().toString().matches("ONLINE|REMOTE:.*"),
        "datasets of a hub are not supported yet: expected a folder with dataset_info.json, got a"
            + " hub. Download them and name the folder.");

    // stage
    training(
        keys("predict_with_generate", "stage"),
        c -> c.evaluation().predictWithGenerate() && c.finetuning().stage() != Stage.SFT,
        "is for answers: expected stage sft, got another. Remove predict_with_generate.");
    training(
        keys("do_predict", "predict_with_generate", "stage"),
        c ->
            c.training().doPredict()
                && c.finetuning().stage() == Stage.SFT
                && !c.evaluation().predictWithGenerate(),
        "predicts nothing: expected predict_with_generate, got none."
            + " Set predict_with_generate: true.");
    training(
        keys("do_predict", "stage"),
        c ->
            c.training().doPredict()
                && c.finetuning().stage() != Stage.SFT
                && c.finetuning().stage() != Stage.RM,
        "nothing to predict: expected stage sft or rm, got another. Remove do_predict.");
    training(
        keys("neat_packing", "stage"),
        c -> c.data().neatPacking() && c.finetuning().stage() != Stage.SFT,
        "is for answers: expected stage sft, got another. Remove neat_packing; pt packs by"
            + " itself.");
    training(
        keys("train_on_prompt", "stage"),
        c -> c.data().trainOnPrompt() && c.finetuning().stage() != Stage.SFT,
        "is for answers: expected stage sft, got another. Remove it; pt learns all text.");
    training(
        keys("mask_history", "stage"),
        c -> c.data().maskHistory() && c.finetuning().stage() != Stage.SFT,
        "is for answers: expected stage sft, got another. Remove mask_history.");

    PreferenceRules.add();
    PpoRules.add();

    ExportRules.add();

    // what is trained
    MethodRules.add();
    MethodRules.addVocabulary();
    error(
        keys("lora_target"),
        c -> c.lora().loraTarget().isEmpty(),
        "empty: expected all or names of linear layers, got none. Set lora_target: all.");
    error(
        keys("adapter_folder", "adapter_name_or_path"),
        c -> c.model().adapterFolder().isPresent() && c.model().adapterNameOrPath().isEmpty(),
        "names a folder of nothing: expected adapter_name_or_path, got none. Add it or remove"
            + " adapter_folder.");
    error(
        keys("freeze_trainable_layers", "finetuning_type"),
        c ->
            c.finetuning().finetuningType() == FinetuningType.FREEZE
                && c.freeze().freezeTrainableLayers() == 0,
        "trains no layer: expected the last n, or the first n as -n, got 0. Give a number.");

    // optimizer
    training(
        keys("lr_scheduler_kwargs", "lr_scheduler_type"),
        c -> !SchedulerKwargs.unknown(c.optimizer()).isEmpty(),
        "unknown parameter: expected those of the lr_scheduler_type (docs/config.md), got another."
            + " Remove or correct it.");
    training(
        keys("lr_scheduler_kwargs"),
        c -> !SchedulerKwargs.notNumbers(c.optimizer()).isEmpty(),
        "not a number: expected numbers but for the types and modes, got another value."
            + " Correct it.");
    training(
        keys("lr_scheduler_type", "lr_scheduler_kwargs"),
        c -> SchedulerKwargs.lacksMinimum(c.optimizer()),
        "needs a lowest rate: expected min_lr or min_lr_rate in lr_scheduler_kwargs, got neither or"
            + " both. Add lr_scheduler_kwargs: {min_lr: ...}.");
    training(
        keys("lr_scheduler_type", "eval_strategy"),
        c ->
            c.optimizer().lrSchedulerType() == Scheduler.REDUCE_LR_ON_PLATEAU
                && c.evaluation().evalStrategy() == Interval.NO,
        "follows evaluations: expected an eval_strategy, got no. Set eval_strategy: steps.");

    OptimizerRules.add();

    EvaluationRules.add();

    // worth a word, not an error
    note(
        keys("early_stopping_steps"),
        c ->
            c.finetuning().earlyStoppingSteps().isPresent() && !c.evaluation().loadBestModelAtEnd(),
        "stops late: the weights at the end are those of the last step, not the best."
            + " Set load_best_model_at_end: true for the best.");
    note(
        keys("warmup_ratio", "warmup_steps", "lr_scheduler_type"),
        c ->
            c.optimizer().lrSchedulerType() == Scheduler.CONSTANT
                && c.optimizer().warmupStepsOf(Integer.MAX_VALUE) > 0,
        "no effect: constant has no warm-up. Use lr_scheduler_type: constant_with_warmup.");
    note(
        keys("num_train_epochs"),
        c -> c.isGiven("num_train_epochs") && c.training().maxSteps() > 0,
        "no effect: max_steps says when to stop.");
    note(
        keys("eval_steps"),
        c ->
            c.evaluation().evalSteps().isPresent()
                && c.evaluation().evalStrategy() != Interval.STEPS,
        "no effect: eval_strategy is not steps.");
    note(
        keys("save_steps"),
        c -> c.isGiven("save_steps") && c.checkpoint().saveStrategy() != SaveStrategy.STEPS,
        "no effect: save_strategy is not steps.");
    ALL.addAll(QuantizationRules.ALL);
    for (KeySpec spec : Keys.SUPPORTED.values()) {
      if (spec.section() == LoraArguments.class) {
        note(
            keys(spec.name()),
            c ->
                c.isGiven(spec.name())
                    && !c.isLora()
                    && !(c.isAdapter() && MethodRules.COMMON.contains(spec.name())),
            "no effect: finetuning_type is not lora.");
      } else if (spec.section() == ServeArguments.class) {
        note(
            keys(spec.name()), c -> c.isGiven(spec.name()), "no effect: the key belongs to serve.");
      } else if (spec.section() == OftArguments.class) {
        note(
            keys(spec.name()),
            c -> c.isGiven(spec.name()) && c.finetuning().finetuningType() != FinetuningType.OFT,
            "no effect: finetuning_type is not oft.");
      } else if (spec.section() == FreezeArguments.class) {
        note(
            keys(spec.name()),
            c ->
                c.isGiven(spec.name())
                    && c.finetuning().finetuningType() != FinetuningType.FREEZE
                    && !c.finetuning().useLlamaPro(),
            "no effect: finetuning_type is not freeze.");
      }
    }
  }

  private Rules() {}

  /** The rules that the configuration breaks; those about {@code unread} keys are left out. */
  static List<Finding> apply(RunConfig config, Set<String> unread) {
    List<Finding> findings = new ArrayList<>();
    for (Rule rule : ALL) {
      if (rule.keys().stream().noneMatch(unread::contains) && rule.broken().test(config)) {
        findings.add(new Finding(rule.keys(), rule.message(), rule.isError()));
      }
    }
    return findings;
  }

  static List<String> keys(String... keys) {
    return List.of(keys);
  }

  static void error(List<String> keys, Predicate<RunConfig> broken, String message) {
    ALL.add(new Rule(keys, true, broken, message));
  }

  static void training(List<String> keys, Predicate<RunConfig> broken, String message) {
    error(keys, c -> c.command() == TRAIN && broken.test(c), message);
  }

  static void note(List<String> keys, Predicate<RunConfig> holds, String message) {
    ALL.add(new Rule(keys, false, c -> c.command() == TRAIN && holds.test(c), message));
  }

  private static boolean countDiffers(List<Double> probabilities, List<String> names) {
    return !probabilities.isEmpty() && !names.isEmpty() && probabilities.size() != names.size();
  }

  private static double sum(List<Double> numbers) {
    return numbers.stream().mapToDouble(Double::doubleValue).sum();
  }
}
