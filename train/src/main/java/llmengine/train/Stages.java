package llmengine.train;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import llmengine.data.DataOptions;
import llmengine.data.store.TokenizedDataset;
import llmengine.nn.Decoder;
import llmengine.nn.ValueHead;
import llmengine.peft.Adapters;
import llmengine.train.config.PpoArguments;
import llmengine.train.config.PreferenceArguments;
import llmengine.train.config.RunConfig;
import llmengine.train.model.ModelSession;
import llmengine.train.ppo.ModelScorer;
import llmengine.train.ppo.Ppo;
import llmengine.train.ppo.Scorer;
import llmengine.train.ppo.ServerScorer;
import llmengine.train.stage.CachedReference;
import llmengine.train.stage.CausalLm;
import llmengine.train.stage.Dpo;
import llmengine.train.stage.Kto;
import llmengine.train.stage.Neftune;
import llmengine.train.stage.Objective;
import llmengine.train.stage.PairLoss;
import llmengine.train.stage.Reference;
import llmengine.train.stage.ReferenceModel;
import llmengine.train.stage.RewardModel;
import llmengine.train.stage.WeightedLm;

/** The objective that a configuration's stage asks for, with what it needs beside the model. */
record Stages(RunConfig config, ModelSession session, Decoder model, FineTuning method) {
  /** Before a reward server is asked again, unless it has to answer sooner. */
  private static final Duration LONG_PAUSE = Duration.ofMillis(500);

  /**
   * @param train the training rows; null if there is no training
   * @param resumeFrom checkpoint to go on from
   */
  Objective objective(TokenizedDataset train, Optional<Path> resumeFrom) {
    PreferenceArguments p = config.preference();
    return switch (config.finetuning().stage()) {
      case PT, SFT ->
          config
              .tokenLoss()
              .kind()
              .<Objective>map(this::weighed)
              .orElseGet(
                  () ->
                      new CausalLm(
                          model,
                          config.training().seed(),
                          method.dropout(),
                          noise(),
                          shortAttention(),
                          config.computesAccuracy()));
      case RM -> {
        ValueHead head = valueHead(resumeFrom);
        head.parameters().forEach(weight -> weight.trainable(true));
        yield new RewardModel(model, head, config.training().seed(), method.dropout(), noise());
      }
      case DPO ->
          new Dpo(
              model,
              new PairLoss(
                  p.prefLoss(),
                  p.prefBeta(),
                  p.dpoLabelSmoothing(),
                  p.simpoGamma(),
                  p.prefBcoWeight(),
                  p.prefFtx()),
              p.ldAlpha(),
              p.prefLoss().hasReference() ? reference() : Optional.empty(),
              train,
              noise());
      case KTO ->
          new Kto(
              model,
              new Kto.Weights(
                  p.prefBeta(), p.ktoChosenWeight(), p.ktoRejectedWeight(), p.prefFtx()),
              reference(),
              train,
              noise());
      case PPO -> ppo(resumeFrom);
    };
  }

  /** As in LLaMA-Factory for models of type llama; elsewhere it is silently left out there. */
  private Optional<CausalLm.ShortAttention> shortAttention() {
    if (!config.model().shiftAttn()) {
      return Optional.empty();
    }
    String type = session.files().config().json().path("model_type").asText();
    if (!type.equals("llama")) {
      throw new TrainException(
          "shift_attn: is for models of type llama: expected one, got "
              + type
              + ". Remove shift_attn.");
    }
    return Optional.of(new CausalLm.ShortAttention(config.engine().shiftAttnWraps()));
  }

  private Neftune noise() {
    return new Neftune(config.training().neftuneNoiseAlpha().orElse(0.0), config.training().seed());
  }

  private Ppo ppo(Optional<Path> resumeFrom) {
    Ppo.Settings settings =
        new Ppo.Settings(
            config.training().perDeviceTrainBatchSize(),
            config.training().gradientAccumulationSteps(),
            config.ppo().ppoEpochs(),
            config.ppo().ppoTarget(),
            config.ppo().ppoScoreNorm(),
            config.ppo().ppoWhitenRewards(),
            method.dropout(),
            config.training().seed());
    Scorer scorer = scorer();
    try {
      ValueHead head = valueHead(resumeFrom);
      head.parameters().forEach(weight -> weight.trainable(true));
      return new Ppo(
          model,
          head,
          settings,
          Prediction.options(config, session.tokenizer()),
          scorer,
          referenceModel());
    } catch (RuntimeException e) {
      scorer.close();
      throw e;
    }
  }

  private Scorer scorer() {
    PpoArguments p = config.ppo();
    if (p.rewardModelType() == PpoArguments.RewardType.API) {
      Duration limit = Duration.ofMillis((long) (1000 * p.rewardTimeout()));
      return new ServerScorer(
          URI.create(p.rewardModel().orElseThrow()),
          session.tokenizer(),
          limit,
          limit.compareTo(LONG_PAUSE) < 0 ? limit : LONG_PAUSE);
    }
    Path path = config.rewardModelPath();
    List<Path> adapters = config.rewardModelAdapterPaths();
    Path withHead = adapters.isEmpty() ? path : adapters.getLast();
    if (!ValueHead.isIn(withHead)) {
      throw new TrainException(
          "reward_model: "
              + withHead
              + ": a reward model without a head: expected "
              + ValueHead.FILE
              + ", got none. Name an adapter or model that stage rm trained.");
    }
    ValueHead head = ValueHead.open(model.backend(), withHead, model.spec().width(), 0);
    if (p.rewardModelType() == PpoArguments.RewardType.FULL) {
      Decoder judge = session.loadOther(model.backend(), path, p.rewardModelQuantizationBit());
      Adapters.mergeAll(judge, adapters);
      return ModelScorer.of(asFrozen(judge), head);
    }
    Adapters policy = method.adapters().orElseThrow();
    policy.enabled(false);
    try {
      Adapters reward = Adapters.open(model, path, false);
      reward.enabled(false);
      return ModelScorer.of(model, head, reward, () -> method.adapters().orElseThrow());
    } finally {
      policy.enabled(true);
    }
  }

  private Objective weighed(WeightedLm.Kind kind) {
    boolean eaft = kind == WeightedLm.Kind.EAFT;
    Optional<ReferenceModel> reference = Optional.empty();
    if (kind == WeightedLm.Kind.ASFT) {
      if (model.spec().finalSoftcap() > 0) {
        throw new TrainException(
            "use_asft_loss: not for models that cap their logits: expected none, got a cap of "
                + model.spec().finalSoftcap()
                + ". Use use_dft_loss.");
      }
      reference = Optional.of(referenceModel());
    }
    return new WeightedLm(
        model,
        kind,
        eaft ? config.tokenLoss().eaftAlpha() : config.tokenLoss().asftAlpha(),
        reference,
        config.training().seed(),
        method.dropout(),
        noise(),
        config.computesAccuracy());
  }

  /** The model to compare with, whether or not the run trains. */
  private ReferenceModel referenceModel() {
    if (config.preference().refModel().isPresent()) {
      Path path = config.refModelPath().orElseThrow();
      List<Path> adapters = config.refModelAdapterPaths();
      return ReferenceModel.of(() -> open(path, adapters));
    }
    return method.adapters().isPresent() ? withoutAdapter() : ReferenceModel.of(this::copy);
  }

  private ReferenceModel withoutAdapter() {
    return ReferenceModel.without(() -> method.adapters().orElseThrow(), model);
  }

  /** The head of the checkpoint, else of the last adapter, else of the model, else a new one. */
  private ValueHead valueHead(Optional<Path> resumeFrom) {
    float dropout = (float) config.preference().valueHeadDropout();
    int width = model.spec().width();
    List<Path> adapters = config.adapterPaths();
    Path start =
        resumeFrom.orElseGet(
            () -> adapters.isEmpty() ? session.files().path() : adapters.getLast());
    if (ValueHead.isIn(start)) {
      return ValueHead.open(model.backend(), start, width, dropout);
    }
    if (resumeFrom.isPresent() || !config.training().doTrain()) {
      throw new TrainException(
          start
              + ": a reward model without a head: expected "
              + ValueHead.FILE
              + ", got none. Name an adapter or model that stage rm trained.");
    }
    return ValueHead.fresh(model.backend(), width, dropout, config.training().seed());
  }

  /** What the policy is compared with; empty where only the policy itself could be. */
  private Optional<Reference> reference() {
    if (config.preference().refModel().isPresent()) {
      Path path = config.refModelPath().orElseThrow();
      List<Path> adapters = config.refModelAdapterPaths();
      return Optional.of(
          cached(ReferenceModel.of(() -> open(path, adapters)), List.of(path), adapters));
    }
    if (!config.training().doTrain()) {
      return Optional.empty();
    }
    List<Path> base = List.of(session.files().path());
    if (method.adapters().isPresent()) {
      List<Path> merged = method.mergedAdapters();
      return Optional.of(cached(withoutAdapter(), base, merged));
    }
    return Optional.of(cached(ReferenceModel.of(this::copy), base, List.of()));
  }

  private Decoder open(Path path, List<Path> adapters) {
    Decoder reference =
        session.loadOther(model.backend(), path, config.preference().refModelQuantizationBit());
    Adapters.mergeAll(reference, adapters);
    return asFrozen(reference);
  }

  /** The model as it is stored, a second time; mapped weights take no memory of their own. */
  private Decoder copy() {
    return asFrozen(session.load(model.backend()));
  }

  private Decoder asFrozen(Decoder reference) {
    if (config.training().bf16()) {
      ModelSession.frozenToBf16(reference);
    }
    return reference;
  }

  private Reference cached(Reference computed, List<Path> models, List<Path> adapters) {
    if (!config.preference().referenceCache()) {
      return computed;
    }
    try {
      ModelDigest digest = new ModelDigest();
      digest.add(
          model.backend().name(), config.training().bf16(), config.model(), config.quantization());
      digest.add(config.preference().refModelQuantizationBit());
      digest.add(config.lora(), config.oft()); // some adapters leave another base behind
      if (config.model().trainFromScratch()) {
        digest.add("seed", config.training().seed());
      }
      digest.addFolders(models);
      digest.addFolders(adapters);
      return new CachedReference(
          computed, DataOptions.defaultCache().resolveSibling("reference"), digest.hex());
    } catch (IOException e) {
      throw new UncheckedIOException("the reference model's files can't be read: " + e, e);
    }
  }
}
