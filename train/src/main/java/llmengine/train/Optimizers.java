package llmengine.train;

import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import llmengine.engine.Scope;
import llmengine.nn.Decoder;
import llmengine.nn.Parameter;
import llmengine.nn.model.DecoderSpec;
import llmengine.nn.optim.Adafactor;
import llmengine.nn.optim.Adagrad;
import llmengine.nn.optim.AdamMini;
import llmengine.nn.optim.AdamW;
import llmengine.nn.optim.Apollo;
import llmengine.nn.optim.BlockOptimizer;
import llmengine.nn.optim.EightBit;
import llmengine.nn.optim.Galore;
import llmengine.nn.optim.LayerwiseOptimizer;
import llmengine.nn.optim.Lion;
import llmengine.nn.optim.Muon;
import llmengine.nn.optim.Optimizer;
import llmengine.nn.optim.ParameterGroup;
import llmengine.nn.optim.ParameterRule;
import llmengine.nn.optim.Projection;
import llmengine.nn.optim.RatioOptimizer;
import llmengine.nn.optim.RmsProp;
import llmengine.nn.optim.RuleOptimizer;
import llmengine.nn.optim.Sgd;
import llmengine.train.config.ApolloArguments;
import llmengine.train.config.ConfigException;
import llmengine.train.config.GaloreArguments;
import llmengine.train.config.OptimizerArguments;
import llmengine.train.config.RunConfig;

/**
 * The optimizer that a configuration asks for. As in LLaMA-Factory GaLore, APOLLO, BAdam, Adam-mini
 * and Muon, in this order, come before {@code optim}.
 */
final class Optimizers {
  private static final double MOMENTUM = 0.95; // of Muon
  private static final double SMOOTHING = 0.99; // of RMSprop

  private Optimizers() {}

  /**
   * @param scope where the state lives
   * @param groups the trained parameters
   */
  static Optimizer of(RunConfig config, Decoder model, Scope scope, List<ParameterGroup> groups) {
    OptimizerArguments o = config.optimizer();
    if (config.isBadamByRatio()) {
      return new RatioOptimizer(
          scope,
          groups,
          config.badam().badamUpdateRatio(),
          config.badam().badamMaskMode(),
          config.training().seed(),
          o.adamBeta1(),
          o.adamBeta2(),
          o.adamEpsilon());
    }
    if (config.badam().useBadam()) {
      int blocks = model.spec().layers().size();
      if (config.badam().badamStartBlock().orElse(0) >= blocks) {
        throw new ConfigException(
            List.of(
                "badam_start_block: no such block: expected 0 to "
                    + (blocks - 1)
                    + ", got "
                    + config.badam().badamStartBlock().get()
                    + ". Correct it."));
      }
      return new BlockOptimizer(
          scope.backend(),
          groups,
          config.badam().turns(config.training().seed()),
          o.adamBeta1(),
          o.adamBeta2(),
          o.adamEpsilon());
    }
    List<String> matrices =
        groups.stream()
            .flatMap(g -> g.parameters().stream())
            .filter(p -> p.value().shape().rank() == 2)
            .map(Parameter::name)
            .toList();
    Optional<ParameterRule> rule = rule(config, model.spec(), matrices);
    if (rule.isPresent()) {
      RuleOptimizer each = new RuleOptimizer(rule.get(), scope, groups);
      return config.isLayerwise() ? new LayerwiseOptimizer(each) : each;
    }
    return switch (o.optim()) {
      case SGD -> new Sgd(scope, groups, 0, false);
      default -> new AdamW(scope, groups, o.adamBeta1(), o.adamBeta2(), o.adamEpsilon());
    };
  }

  /** The trained parameters by learning rate and weight decay. */
  static List<ParameterGroup> groups(RunConfig config, List<Parameter> trained) {
    OptimizerArguments o = config.optimizer();
    Optional<Double> ratio = config.lora().loraplusLrRatio();
    if (ratio.isEmpty()) {
      return ParameterGroup.byName(trained, o.weightDecay());
    }
    // the schedule is of learning_rate; without one nothing learns, the token table neither
    double table =
        o.learningRate() > 0 ? config.lora().loraplusLrEmbedding() / o.learningRate() : 0;
    return ParameterGroup.loraPlus(trained, o.weightDecay(), ratio.get(), table);
  }

  /**
   * How each parameter is updated; empty for AdamW and SGD.
   *
   * @param matrices names of the trained ones
   */
  static Optional<ParameterRule> rule(RunConfig config, DecoderSpec spec, List<String> matrices) {
    OptimizerArguments o = config.optimizer();
    if (config.galore().useGalore()) {
      return Optional.of(galore(config.galore(), o, matrices));
    }
    if (config.apollo().useApollo()) {
      return Optional.of(apollo(config, matrices));
    }
    if (o.useAdamMini()) {
      int headDim = spec.headDim();
      return Optional.of(new AdamMini(o.adamBeta1(), o.adamBeta2(), o.adamEpsilon(), headDim));
    }
    if (o.useMuon()) {
      return Optional.of(new Muon(MOMENTUM, o.adamBeta1(), o.adamBeta2(), o.adamEpsilon()));
    }
    return Optional.ofNullable(
        switch (o.optim()) {
          case ADAMW_TORCH, SGD -> null;
          case ADAMW_8BIT -> EightBit.adamW(o.adamBeta1(), o.adamBeta2(), o.adamEpsilon());
          case LION_8BIT -> EightBit.lion(o.adamBeta1(), o.adamBeta2());
          case RMSPROP_BNB_8BIT -> EightBit.rmsProp(SMOOTHING, 1e-8);
          case ADAFACTOR -> new Adafactor(false, false);
          case ADAGRAD -> new Adagrad(1e-10);
          case LION_32BIT -> new Lion(o.adamBeta1(), o.adamBeta2());
          case RMSPROP -> new RmsProp(SMOOTHING, 1e-8);
        });
  }

  private static Galore galore(GaloreArguments g, OptimizerArguments o, List<String> matrices) {
    return new Galore(
        targets("galore_target", g.galoreTarget(), matrices),
        Projection.singular(g.galoreProjType(), g.galoreRank()),
        g.galoreUpdateInterval(),
        g.galoreScale(),
        o.optim() == OptimizerArguments.Optimizer.ADAFACTOR,
        o.adamBeta1(),
        o.adamBeta2(),
        o.adamEpsilon());
  }

  private static Apollo apollo(RunConfig config, List<String> matrices) {
    ApolloArguments a = config.apollo();
    OptimizerArguments o = config.optimizer();
    Projection projection =
        a.apolloProj() == ApolloArguments.Source.SVD
            ? Projection.singular(a.apolloProjType().type(), a.apolloRank())
            : Projection.random(
                a.apolloProjType().type(), a.apolloRank(), config.training().seed());
    return new Apollo(
        targets("apollo_target", a.apolloTarget(), matrices),
        projection,
        a.apolloUpdateInterval(),
        a.apolloScale(),
        a.apolloScaleType() == ApolloArguments.Scale.CHANNEL,
        a.apolloScaleFront(),
        o.adamBeta1(),
        o.adamBeta2(),
        o.adamEpsilon());
  }

  /** The matrices of linear layers whose names contain one of the parts. */
  private static Set<String> targets(String key, List<String> parts, List<String> matrices) {
    boolean all = parts.equals(List.of("all"));
    Set<String> targets =
        matrices.stream()
            .filter(name -> !name.contains("embed"))
            .filter(
                name -> all ? !name.contains("lm_head") : parts.stream().anyMatch(name::contains))
            .collect(Collectors.toSet());
    if (targets.isEmpty()) {
      throw new TrainException(
          key
              + ": no trained linear layer has such a name: expected parts of names like q_proj,"
              + " got "
              + parts
              + ". Correct it, or set it to all.");
    }
    return targets;
  }
}
