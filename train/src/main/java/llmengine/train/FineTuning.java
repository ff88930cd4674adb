package llmengine.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.engine.file.Checkpoint;
import llmengine.nn.Decoder;
import llmengine.nn.Parameter;
import llmengine.nn.WeightSource;
import llmengine.nn.load.SafetensorsWeights;
import llmengine.peft.Adapters;
import llmengine.peft.LoraConfig;
import llmengine.peft.Targets;
import llmengine.peft.TrainableParameters;
import llmengine.train.checkpoint.ModelFolder;
import llmengine.train.config.LoraArguments;
import llmengine.train.config.RunConfig;
import llmengine.train.model.ModelSession;

/** What a run trains (finetuning_type), and how that is saved and loaded. */
final class FineTuning implements AutoCloseable {
  private final RunConfig config;
  private final ModelSession session;
  private final Decoder model;
  private final String name;
  private Adapters adapters; // null unless finetuning_type is lora
  private List<Parameter> trainable;

  private FineTuning(RunConfig config, ModelSession session, Decoder model, String name) {
    this.config = config;
    this.session = session;
    this.model = model;
    this.name = name;
  }

  /**
   * Prepares the model: attaches and merges adapters, or marks the trained weights and makes them
   * float32.
   *
   * @param resumeFrom checkpoint whose trained weights to take over
   */
  static FineTuning of(
      RunConfig config, ModelSession session, Decoder model, Optional<Path> resumeFrom) {
    if (session.isQuantized() && !config.isLora()) {
      throw new TrainException(
          session.files().path()
              + ": a quantized model can only be trained by adapters: expected finetuning_type"
              + " lora, got another. Set finetuning_type: lora, or train the model as it was"
              + " before.");
    }
    FineTuning method = new FineTuning(config, session, model, name(config));
    switch (config.finetuning().finetuningType()) {
      case LORA -> method.adapt(resumeFrom);
      case FULL -> {
        method.trainable = TrainableParameters.full(model, model.scope());
        resumeFrom.ifPresent(method::load);
      }
      case FREEZE -> {
        method.trainable =
            TrainableParameters.freeze(
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
      case LORA -> "lora r " + lora.loraRank() + ", alpha " + lora.alpha();
      case FULL -> "full";
      case FREEZE -> "freeze " + config.freeze().freezeTrainableLayers() + " layers";
    };
  }

  private void adapt(Optional<Path> resumeFrom) {
    List<Path> paths = config.adapterPaths();
    boolean fresh = config.lora().createNewAdapter() || paths.isEmpty();
    Adapters.mergeAll(model, fresh ? paths : paths.subList(0, paths.size() - 1));
    Optional<Path> start =
        resumeFrom.or(() -> fresh ? Optional.empty() : Optional.of(paths.getLast()));
    adapters =
        start.isPresent()
            ? Adapters.open(model, start.get(), true)
            : Adapters.create(model, loraConfig(config.lora()), config.training().seed());
    trainable = adapters.parameters();
  }

  private static LoraConfig loraConfig(LoraArguments a) {
    return LoraConfig.of(a.loraRank(), a.alpha(), Targets.of(a.loraTarget()))
        .withDropout(a.loraDropout())
        .withRsLora(a.useRslora())
        .withModulesToSave(a.additionalTarget());
  }

  String name() {
    return name;
  }

  List<Parameter> trainable() {
    return trainable;
  }

  /** Elements of trained parameters that are not the model's own. */
  long addedElements() {
    return adapters == null ? 0 : trainable.stream().mapToLong(Parameter::size).sum();
  }

  /** Sum of the adapters' ranks over the linear layers of a block. */
  int adapterRankPerBlock() {
    return adapters == null
        ? 0
        : adapters.config().rank()
            * Math.ceilDiv(model.linears().size(), model.spec().layers().size());
  }

  /** Whether anything is dropped in training. */
  boolean dropout() {
    return adapters != null && adapters.config().dropout() > 0;
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
