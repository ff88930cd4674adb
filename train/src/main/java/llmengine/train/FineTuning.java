package llmengine.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.engine.file.Checkpoint;
import llmengine.nn.Decoder;
import llmengine.nn.Parameter;
import llmengine.nn.WeightSource;
import llmengine.nn.load.SafetensorsWeights;
import llmengine.peft.AdapterConfig;
import llmengine.peft.Adapters;
import llmengine.peft.LlamaPro;
import llmengine.peft.LoraConfig;
import llmengine.peft.LoraStart;
import llmengine.peft.OftConfig;
import llmengine.peft.Placement;
import llmengine.peft.Targets;
import llmengine.peft.TrainableParameters;
import llmengine.quant.StoredQuantization;
import llmengine.train.checkpoint.ModelFolder;
import llmengine.train.config.LoraArguments;
import llmengine.train.config.OftArguments;
import llmengine.train.config.RunConfig;
import llmengine.train.model.ModelSession;

/** What a run trains (finetuning_type), and how that is saved and loaded. */
final class FineTuning implements AutoCloseable {
  private final RunConfig config;
  private final ModelSession session;
  private final Decoder model;
  private final String name;
  private Adapters adapters; // null unless finetuning_type is lora
  private List<Path> merged = List.of();
  private List<Parameter> trainable;

  private FineTuning(RunConfig config, ModelSession session, Decoder model, String name) {
    this.config = config;
    this.session = session;
    this.model = model;
    this.name = name;
  }

  /** As LLaMA-Factory: of all quantized checkpoints, DoRA takes those of bitsandbytes. */
  private static void refuseDora(RunConfig config, ModelSession session) {
    Optional<String> method = session.files().quantization().map(StoredQuantization::method);
    if (config.lora().useDora() && method.filter(m -> !m.equals("bitsandbytes")).isPresent()) {
      throw new TrainException(
          session.files().path()
              + ": use_dora: DoRA works on plain weights and on those of bitsandbytes: expected one"
              + " of these, got a checkpoint of "
              + method.get()
              + ". Remove use_dora, or train the model as it was before.");
    }
  }

  /**
   * Prepares the model: attaches and merges adapters, or marks the trained weights and makes them
   * float32.
   *
   * @param resumeFrom checkpoint whose trained weights to take over
   */
  static FineTuning of(
      RunConfig config, ModelSession session, Decoder model, Optional<Path> resumeFrom) {
    if (session.isQuantized() && !config.isAdapter()) {
      throw new TrainException(
          session.files().path()
              + ": a quantized model can only be trained by adapters: expected finetuning_type"
              + " lora or oft, got another. Set finetuning_type: lora, or train the model as it was"
              + " before.");
    }
    refuseDora(config, session);
    FineTuning method = new FineTuning(config, session, model, name(config));
    switch (config.finetuning().finetuningType()) {
      case LORA, OFT -> method.adapt(resumeFrom);
      case FULL -> {
        method.trainable = TrainableParameters.full(model, model.scope());
        resumeFrom.ifPresent(method::load);
      }
      case FREEZE -> {
        method.trainable =
            config.finetuning().useLlamaPro()
                ? TrainableParameters.freeze(
                    model,
                    model.scope(),
                    method.addedBlocks(),
                    config.freeze().freezeTrainableModules(),
                    config.freeze().freezeExtraModules())
                : TrainableParameters.freeze(
                    model,
                    model.scope(),
                    config.freeze().freezeTrainableLayers(),
                    config.freeze().freezeTrainableModules(),
                    config.freeze().freezeExtraModules());
        resumeFrom.ifPresent(method::load);
      }
    }
    return method;
  }

  private static String name(RunConfig config) {
    LoraArguments lora = config.lora();
    return switch (config.finetuning().finetuningType()) {
      case LORA ->
          (lora.pissaInit() ? "pissa " : lora.loftqInit() ? "loftq " : "")
              + (lora.useDora() ? "dora" : "lora")
              + " r "
              + lora.loraRank()
              + ", alpha "
              + lora.alpha();
      case OFT ->
          config.oft().oftRank() > 0
              ? "oft of " + config.oft().oftRank() + " blocks"
              : "oft, blocks of " + config.oft().oftBlockSize();
      case FULL -> "full";
      case FREEZE ->
          (config.finetuning().useLlamaPro() ? "llama pro, " : "")
              + "freeze "
              + config.freeze().freezeTrainableLayers()
              + " layers";
    };
  }

  private List<Integer> addedBlocks() {
    return LlamaPro.addedBlocks(
        model.spec().layers().size(), config.freeze().freezeTrainableLayers());
  }

  private void adapt(Optional<Path> resumeFrom) {
    if (config.training().bf16()) {
      ModelSession.frozenToBf16(model); // what adapters start from is what they will sit on
    }
    List<Path> paths = config.adapterPaths();
    boolean fresh = config.lora().createNewAdapter() || paths.isEmpty();
    merged = fresh ? paths : paths.subList(0, paths.size() - 1);
    Adapters.mergeAll(model, merged);
    Optional<Path> start =
        resumeFrom.or(() -> fresh ? Optional.empty() : Optional.of(paths.getLast()));
    adapters =
        start.isPresent()
            ? Adapters.open(model, start.get(), true)
            : Adapters.create(model, adapterConfig(), config.training().seed());
    trainable = adapters.parameters();
  }

  private AdapterConfig adapterConfig() {
    Targets targets = Targets.of(config.lora().loraTarget());
    if (config.finetuning().useLlamaPro()) {
      targets = LlamaPro.within(model, addedBlocks(), targets);
    }
    Placement placement = Placement.of(targets).withModulesToSave(config.modulesToSave());
    if (!config.isLora()) {
      OftArguments o = config.oft();
      return new OftConfig(
          o.oftRank(), o.oftBlockSize(), o.moduleDropout(), OftConfig.TERMS, placement);
    }
    LoraArguments a = config.lora();
    return LoraConfig.of(a.loraRank(), a.alpha(), targets)
        .withPlacement(placement)
        .withDropout(a.loraDropout())
        .withRsLora(a.useRslora())
        .withDora(a.useDora())
        .withStart(
            a.pissaInit()
                ? new LoraStart.Pissa(a.pissaIter())
                : a.loftqInit() ? new LoraStart.Loftq(a.loftqIter()) : new LoraStart.Plain());
  }

  String name() {
    return name;
  }

  List<Parameter> trainable() {
    return trainable;
  }

  /** The adapter that is trained, if one is. */
  Optional<Adapters> adapters() {
    return Optional.ofNullable(adapters);
  }

  /** Adapters that became part of the frozen weights. */
  List<Path> mergedAdapters() {
    return merged;
  }

  /**
   * Weights that a token is multiplied with, the embedding table left out and trained adapters
   * included: the N of the 6 N operations of a training step.
   */
  long weightsPerToken() {
    Set<Parameter> all = Collections.newSetFromMap(new IdentityHashMap<>());
    all.addAll(model.parameters().values());
    all.addAll(trainable);
    all.remove(model.embedding().weight());
    return all.stream().mapToLong(Parameter::size).sum();
  }

  /** Elements of trained parameters that are not the model's own. */
  long addedElements() {
    return adapters == null ? 0 : trainable.stream().mapToLong(Parameter::size).sum();
  }

  /** Floats that the adapters of a block keep for a token until its backward pass. */
  int adapterFloatsPerBlock() {
    int blocks = model.spec().layers().size();
    return adapters == null ? 0 : (int) Math.ceilDiv(adapters.floatsPerToken(), (long) blocks);
  }

  /** Whether anything is dropped in training. */
  boolean dropout() {
    return adapters != null && adapters.config().hasDropout();
  }

  /**
   * Writes what was trained, with the tokenizer: an adapter in PEFT's layout, or the whole model.
   */
  void save(Path folder) throws IOException {
    if (adapters != null) {
      adapters.save(folder, config.model().modelNameOrPath());
    } else {
      ModelFolder.write(folder, session, model);
    }
    session.tokenizer().save(folder);
  }

  /** Writes what pissa_convert needs before the first step: the adapter as it starts. */
  void started(Path folder) throws IOException {
    if (converts()) {
      adapters.saveStart(
          Files.createDirectories(folder.resolve("pissa_init")), config.model().modelNameOrPath());
    }
  }

  /** Writes what pissa_convert leaves after the last step. */
  void finished(Path folder) throws IOException {
    if (converts()) {
      String base = config.model().modelNameOrPath();
      adapters.saveOnRest(Files.createDirectories(folder.resolve("pissa_backup")), base);
      adapters.saveConverted(Files.createDirectories(folder.resolve("pissa_converted")), base);
    }
  }

  private boolean converts() {
    return config.lora().pissaConvert() && adapters != null && adapters.isConvertible();
  }

  /** Takes over the trained weights that {@link #save} wrote. */
  void load(Path folder) {
    if (adapters != null) {
      adapters.close();
      adapters = Adapters.open(model, folder, true);
      trainable = adapters.parameters();
      return;
    }
    try (Checkpoint checkpoint = Checkpoint.open(folder);
        Scope stored = new Scope(model.backend(), "checkpoint")) {
      WeightSource weights = new SafetensorsWeights(checkpoint);
      for (Parameter p : trainable) {
        Tensor value = weights.load(stored, p.name(), p.value().shape().dims());
        model.backend().copy(value, p.value());
      }
    }
  }

  @Override
  public void close() {
    if (adapters != null) {
      adapters.close();
    }
  }
}
