package llmengine.train.config;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import llmengine.train.config.FinetuningArguments.FinetuningType;
import llmengine.train.config.FinetuningArguments.Stage;

/**
 * A whole configuration, typed and checked: what a LLaMA-Factory YAML or JSON file and the words
 * after it say, and defaults for the rest. Relative paths are relative to the working directory.
 *
 * @param notes lines worth printing once at the start: keys of no meaning here, keys without effect
 * @param given names of the keys that were given, in the order given
 */
public record RunConfig(
    Command command,
    ModelArguments model,
    VocabularyArguments vocabulary,
    QuantizationArguments quantization,
    DataArguments data,
    FinetuningArguments finetuning,
    LoraArguments lora,
    OftArguments oft,
    FreezeArguments freeze,
    PreferenceArguments preference,
    PpoArguments ppo,
    TokenLossArguments tokenLoss,
    GeneratingArguments generating,
    ExportArguments export,
    EngineArguments engine,
    ServeArguments serve,
    TrainingArguments training,
    OptimizerArguments optimizer,
    GaloreArguments galore,
    ApolloArguments apollo,
    BadamArguments badam,
    EvaluationArguments evaluation,
    CheckpointArguments checkpoint,
    LoggingArguments logging,
    ProfilerArguments profiler,
    List<String> notes,
    Set<String> given) {

  /** What the configuration is for; only {@code TRAIN} takes training keys. */
  public enum Command {
    TRAIN,
    INFER,
    EXPORT
  }

  /**
   * The configuration of {@code train}, {@code plan} and the like. Throws {@link ConfigException}
   * with every problem found.
   *
   * @param words the words after the command: a .yaml, .yml or .json file first, if any, then
   *     {@code key=value}, {@code --key value}, {@code --key=value}, {@code --flag}
   */
  public static RunConfig forTraining(List<String> words) {
    return ConfigReader.read(Command.TRAIN, words);
  }

  /** The configuration of {@code chat} and serving, as {@link #forTraining}. */
  public static RunConfig forInference(List<String> words) {
    return ConfigReader.read(Command.INFER, words);
  }

  /** The configuration of {@code export}, as {@link #forTraining}; {@code export_dir} is there. */
  public static RunConfig forExport(List<String> words) {
    return ConfigReader.read(Command.EXPORT, words);
  }

  /** Whether weights are updated during the backward pass. */
  public boolean isLayerwise() {
    return galore.useGalore() && galore.galoreLayerwise()
        || apollo.useApollo() && apollo.apolloLayerwise();
  }

  /** Whether BAdam trains a share of every weight. */
  public boolean isBadamByRatio() {
    return badam.useBadam() && badam.badamMode() == BadamArguments.Mode.RATIO;
  }

  /** Whether the key was given, if only with its default. */
  public boolean isGiven(String key) {
    return given.contains(key);
  }

  /** Whether rows of cutoff_len tokens are filled with several examples. */
  public boolean packing() {
    return packingAsked() || data.packing().isEmpty() && finetuning.stage() == Stage.PT;
  }

  /**
   * Whether packing was asked for rather than pt's default: only then do examples fill one token
   * less than cutoff_len.
   */
  public boolean packingAsked() {
    return data.neatPacking() || data.packing().orElse(false);
  }

  /** Special tokens to add, each with its description, which is empty if it has none. */
  public Map<String, String> newSpecialTokens() {
    if (vocabulary.newSpecialTokensConfig().isPresent()) {
      return TokenDescriptions.read(vocabulary.newSpecialTokensConfig().get());
    }
    Map<String, String> tokens = new LinkedHashMap<>();
    vocabulary.addSpecialTokens().forEach(token -> tokens.put(token, ""));
    return tokens;
  }

  /** Whether the model may get rows for new tokens. */
  public boolean resizesVocabulary() {
    return vocabulary.resizeVocab()
        || !vocabulary.addTokens().isEmpty()
        || !newSpecialTokens().isEmpty();
  }

  /**
   * Modules trained and saved whole beside an adapter: those asked for, or where the vocabulary
   * grew the token table and the output projection.
   */
  public List<String> modulesToSave() {
    return lora.additionalTarget().isEmpty() && resizesVocabulary()
        ? List.of("embed_tokens", "lm_head")
        : lora.additionalTarget();
  }

  /** Whether an adapter is trained or loaded. */
  public boolean isAdapter() {
    return isLora() || finetuning.finetuningType() == FinetuningType.OFT;
  }

  /** Whether it is one of LoRA's kind. */
  public boolean isLora() {
    return finetuning.finetuningType() == FinetuningType.LORA;
  }

  /**
   * Where the model is: its folder or .gguf file, or its snapshot in the local hub cache. Throws
   * {@link ConfigException} if it is nowhere.
   */
  public Path modelPath() {
    return hubCache().find("model_name_or_path", model.modelNameOrPath(), model.modelRevision());
  }

  /** Where the adapters are, in order, found like {@link #modelPath}. */
  public List<Path> adapterPaths() {
    return model.adapterNameOrPath().stream()
        .map(name -> hubCache().find("adapter_name_or_path", name, "main"))
        .map(path -> model.adapterFolder().map(path::resolve).orElse(path))
        .toList();
  }

  /** The reference model that was named, found like {@link #modelPath}. */
  public Optional<Path> refModelPath() {
    return preference.refModel().map(name -> hubCache().find("ref_model", name, "main"));
  }

  /** Adapters of {@link #refModelPath}. */
  public List<Path> refModelAdapterPaths() {
    return preference.refModelAdapters().stream()
        .map(name -> hubCache().find("ref_model_adapters", name, "main"))
        .toList();
  }

  /** Where the reward model or adapter is; only for types other than api. */
  public Path rewardModelPath() {
    return hubCache().find("reward_model", ppo.rewardModel().orElseThrow(), "main");
  }

  /** Adapters of {@link #rewardModelPath}. */
  public List<Path> rewardModelAdapterPaths() {
    return ppo.rewardModelAdapters().stream()
        .map(name -> hubCache().find("reward_model_adapters", name, "main"))
        .toList();
  }

  private HubCache hubCache() {
    return HubCache.of(model.cacheDir(), System.getenv());
  }

  /** Where checkpoints and results go. */
  public Path outputDir() {
    return training.outputDir().orElse(Path.of("trainer_output"));
  }

  /** Where training starts. */
  public Resume resume() {
    Optional<String> from = training.resumeFromCheckpoint();
    if (from.isEmpty()) {
      return training.overwriteOutputDir() ? new Resume.FromStart() : new Resume.NewestIfAny();
    }
    return Text.truth(from.get())
        .<Resume>map(newest -> newest ? new Resume.Newest() : new Resume.FromStart())
        .orElseGet(() -> new Resume.From(Path.of(from.get())));
  }

  /** Whether activations are recomputed in the backward pass. */
  public boolean recomputesActivations() {
    return !model.disableGradientCheckpointing() || training.gradientCheckpointing();
  }

  /** Whether the run evaluates, during training or at its end. */
  public boolean evaluates() {
    return training.doEval() || evaluation.evalStrategy() != Interval.NO;
  }

  /** Whether evaluations count the tokens that the model finds likeliest. */
  public boolean computesAccuracy() {
    return evaluation.computeAccuracy() && finetuning.stage() == Stage.SFT;
  }

  /** Steps between evaluations. */
  public Steps evalSteps() {
    return evaluation.evalSteps().orElse(logging.loggingSteps());
  }

  /**
   * The metric that says which checkpoint is the best, as {@code eval_loss}; empty if none does.
   */
  public Optional<String> bestMetric() {
    Optional<String> metric = evaluation.metricForBestModel();
    if (metric.isEmpty() && needsMetric()) {
      metric = Optional.of("loss");
    }
    return metric.map(name -> name.startsWith("eval_") ? name : "eval_" + name);
  }

  private boolean needsMetric() {
    return evaluation.loadBestModelAtEnd()
        || optimizer.lrSchedulerType() == OptimizerArguments.Scheduler.REDUCE_LR_ON_PLATEAU;
  }

  /** Whether more of {@link #bestMetric} is better. */
  public boolean greaterIsBetter() {
    return evaluation
        .greaterIsBetter()
        .orElse(bestMetric().filter(metric -> !metric.endsWith("loss")).isPresent());
  }

  /** Whether the run may only use the CPU. */
  public boolean isCpuOnly() {
    return training.useCpu() || engine.device() == EngineArguments.Device.CPU;
  }

  /** Seed of the order of rows. */
  public int orderSeed() {
    return training.dataSeed().orElse(training.seed());
  }
}
