package llmengine.train.ppo;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import llmengine.data.batch.MicroBatch;
import llmengine.data.batch.Sequences;
import llmengine.data.batch.StepBatch;
import llmengine.data.process.Example;
import llmengine.data.store.TokenizedDataset;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Segments;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;
import llmengine.nn.Batch;
import llmengine.nn.CausalLogProbs;
import llmengine.nn.Decoder;
import llmengine.nn.Parameter;
import llmengine.nn.ValueHead;
import llmengine.nn.generate.Generation;
import llmengine.nn.generate.Generator;
import llmengine.nn.generate.SamplingOptions;
import llmengine.train.stage.Objective;
import llmengine.train.stage.ReferenceModel;

/**
 * Stage ppo (Ziegler et al. 2019, "Fine-tuning language models from human preferences"): each step
 * answers prompts by sampling from the policy, scores the answers, and takes several passes over
 * them, in mini-batches with an optimizer step each, towards {@link PpoLoss}. A value head beside
 * the policy is trained with it. As TRL's PPOTrainer 0.9 computes it, except that every optimizer
 * step is clipped.
 */
public final class Ppo implements Objective {
  private static final double GAMMA = 1;
  private static final double LAMBDA = 0.95;
  private static final String REWARD = "reward";
  private static final String DIVERGENCE = "kl";
  private static final String ROWS = "rows";

  /**
   * Keys of the configuration.
   *
   * @param miniBatch rows of a pass
   * @param accumulation mini-batches of an optimizer step
   * @param epochs passes over the answers of a step
   * @param target of the KL divergence
   * @param normalizes scores by their running mean and deviation
   * @param whitens token rewards
   * @param modelDrops whether adapters drop activations in training
   */
  public record Settings(
      int miniBatch,
      int accumulation,
      int epochs,
      double target,
      boolean normalizes,
      boolean whitens,
      boolean modelDrops,
      long seed) {}

  private final Decoder model;
  private final ValueHead head;
  private final Settings settings;
  private final SamplingOptions sampling;
  private final Scorer scorer;
  private final ReferenceModel reference;
  private KlController controller;
  private ScoreScale scale = new ScoreScale();

  /**
   * @param head closed with this, as are scorer and reference
   * @param sampling how answers are drawn; its seed is replaced
   */
  public Ppo(
      Decoder model,
      ValueHead head,
      Settings settings,
      SamplingOptions sampling,
      Scorer scorer,
      ReferenceModel reference) {
    this.model = model;
    this.head = head;
    this.settings = settings;
    this.sampling = sampling;
    this.scorer = scorer;
    this.reference = reference;
    this.controller = new KlController(settings.target, KlController.START);
  }

  @Override
  public Outcome gradients(StepBatch batch, Step step) {
    throw new IllegalStateException("ppo: takes several optimizer steps: expected run, got this");
  }

  @Override
  public Outcome run(StepBatch batch, Step step, Updater updater) {
    List<int[]> prompts = new ArrayList<>();
    for (MicroBatch rows : batch.microBatches()) {
      rows.examples().forEach(example -> prompts.add(example.ids()));
    }
    List<Rollout> rollouts = rollouts(prompts, step.number());
    int[][] orders = new int[settings.epochs][];
    for (int epoch = 0; epoch < orders.length; epoch++) {
      orders[epoch] = shuffled(rollouts.size(), step.number(), epoch);
    }
    double loss = update(rollouts, orders, step, updater);
    Map<String, Double> sums = new LinkedHashMap<>();
    sums.put(REWARD, rollouts.stream().mapToDouble(Rollout::score).sum());
    sums.put(DIVERGENCE, rollouts.stream().mapToDouble(Rollout::divergence).sum());
    sums.put(ROWS, (double) rollouts.size());
    return new Outcome(loss, sums);
  }

  private int[] shuffled(int count, int step, int epoch) {
    SplittableRandom dice =
        new SplittableRandom(settings.seed * 31 + 0x9E3779B97F4A7C15L * (1000L * step + epoch));
    int[] order = new int[count];
    for (int i = 0; i < count; i++) {
      int j = dice.nextInt(i + 1);
      order[i] = order[j];
      order[j] = i;
    }
    return order;
  }

  private List<Rollout> rollouts(List<int[]> prompts, int step) {
    SamplingOptions here = sampling.with().seed(settings.seed * 1_000_003L + step).build();
    List<Generation> answers = new Generator(model, settings.miniBatch).generate(prompts, here);
    List<int[]> all = new ArrayList<>();
    for (int i = 0; i < answers.size(); i++) {
      all.add(Rollout.joined(prompts.get(i), answers.get(i).ids()));
    }
    List<Rollout> rollouts = new ArrayList<>();
    for (int from = 0; from < all.size(); from += settings.miniBatch) {
      int to = Math.min(all.size(), from + settings.miniBatch);
      rollouts.addAll(judged(all.subList(from, to), prompts.subList(from, to)));
    }
    return rollouts;
  }

  /** Looks at answers as policy, value head, reference and scorer see them. */
  List<Rollout> judged(List<int[]> conversations, List<int[]> prompts) {
    double[] scores = scorer.scores(conversations);
    List<Example.Part> parts = new ArrayList<>();
    for (int r = 0; r < scores.length; r++) {
      parts.add(Rollout.part(conversations.get(r), prompts.get(r).length));
    }
    Sequences rows = sequences(parts);
    float[] logProbs;
    float[] values;
    try (Scope scope = new Scope(model.backend(), "activations")) {
      Tape tape = Tape.inference(scope);
      Tensor hidden = hidden(tape, model, rows);
      logProbs =
          CausalLogProbs.apply(tape, model, hidden, rows.labelled(), rows.targets(), null)
              .toFloats();
      values = head.scores(tape, hidden, rows.labelled()).toFloats();
    }
    float[] compared = reference.tokenLogProbs(rows);
    List<Rollout> rollouts = new ArrayList<>();
    int at = 0;
    for (int r = 0; r < scores.length; r++) {
      int n = rows.labels()[r];
      rollouts.add(
          new Rollout(
              conversations.get(r),
              prompts.get(r).length,
              part(logProbs, at, n),
              part(compared, at, n),
              part(values, at, n),
              scores[r]));
      at += n;
    }
    return rollouts;
  }

  private static double[] part(float[] values, int at, int n) {
    double[] part = new double[n];
    for (int i = 0; i < n; i++) {
      part[i] = values[at + i];
    }
    return part;
  }

  static Sequences sequences(List<Example.Part> parts) {
    return Sequences.of(parts.stream().map(List::of).toList(), false);
  }

  static Tensor hidden(Tape tape, Decoder model, Sequences rows) {
    return model.hidden(
        tape, Batch.of(tape.scope(), rows.ids(), rows.positions(), Segments.of(rows.stretches())));
  }

  /**
   * Several passes over the answers of a step.
   *
   * @param orders of the rows, one for each pass
   * @return mean of the mini-batches' losses
   */
  double update(List<Rollout> rollouts, int[][] orders, Step step, Updater updater) {
    double[] raw = rollouts.stream().mapToDouble(Rollout::score).toArray();
    double[] scores = settings.normalizes ? scale.scale(raw) : raw;
    int longest = rollouts.stream().mapToInt(r -> r.ids().length).max().orElseThrow();
    double[][] rewards = new double[rollouts.size()][];
    double[][] values = new double[rewards.length][];
    int[] padding = new int[rewards.length];
    double divergence = 0;
    for (int r = 0; r < rewards.length; r++) {
      Rollout rollout = rollouts.get(r);
      rewards[r] = rollout.rewards(controller.value(), scores[r]);
      values[r] = rollout.values();
      padding[r] = longest - rollout.ids().length;
      divergence += rollout.divergence() / rewards.length;
    }
    Advantages advantages =
        Advantages.of(rewards, values, padding, GAMMA, LAMBDA, settings.whitens);
    double total = 0;
    int batches = 0;
    int perUpdate = settings.miniBatch * settings.accumulation;
    for (int[] order : orders) {
      for (int from = 0; from < order.length; from += perUpdate) {
        int end = Math.min(order.length, from + perUpdate);
        int parts = Math.ceilDiv(end - from, settings.miniBatch);
        double loss = 0;
        for (int at = from; at < end; at += settings.miniBatch) {
          int[] rows = Arrays.copyOfRange(order, at, Math.min(end, at + settings.miniBatch));
          loss += pass(rollouts, rows, advantages, 1.0 / parts, step, batches++);
        }
        updater.update(loss / parts);
        total += loss;
      }
    }
    controller.update(divergence, rollouts.size());
    return total / batches;
  }

  /** Gradients of one mini-batch; returns its loss. */
  private double pass(
      List<Rollout> rollouts,
      int[] rows,
      Advantages advantages,
      double weight,
      Step step,
      int number) {
    List<Rollout> chosen = Arrays.stream(rows).mapToObj(rollouts::get).toList();
    Sequences sequences =
        sequences(chosen.stream().map(r -> Rollout.part(r.ids(), r.prompt())).toList());
    try (Scope scope = new Scope(model.backend(), "activations")) {
      Tape tape = Tape.training(scope);
      if (head.drops() || settings.modelDrops) {
        int[] keys = new int[sequences.ids().length];
        Arrays.setAll(keys, i -> number * 0x9E3779B1 + i);
        tape.withDropout(
            settings.seed * 0x9E3779B97F4A7C15L + step.number(),
            scope.empty(DType.I32, keys.length).set(keys));
      }
      if (step.checked()) {
        tape.withChecks();
      }
      Tensor hidden = hidden(tape, model, sequences);
      Tensor logProbs =
          CausalLogProbs.apply(
              tape, model, hidden, sequences.labelled(), sequences.targets(), null);
      Tensor values = head.scores(tape, hidden, sequences.labelled());
      PpoLoss loss =
          PpoLoss.of(
              PpoLoss.Limits.USUAL,
              doubles(logProbs),
              doubles(values),
              flat(chosen.stream().map(Rollout::logProbs).toArray(double[][]::new)),
              flat(chosen.stream().map(Rollout::values).toArray(double[][]::new)),
              flat(picked(advantages.advantages(), rows)),
              flat(picked(advantages.returns(), rows)));
      if (!loss.skipped()) {
        logProbs.grad(scope.of(floats(loss.logProbSlopes(), weight), logProbs.shape().dims()));
        values.grad(scope.of(floats(loss.valueSlopes(), weight), values.shape().dims()));
        tape.backward();
      }
      return loss.total();
    }
  }

  private static double[][] picked(double[][] rows, int[] which) {
    return Arrays.stream(which).mapToObj(r -> rows[r]).toArray(double[][]::new);
  }

  private static double[] flat(double[][] rows) {
    return Arrays.stream(rows).flatMapToDouble(Arrays::stream).toArray();
  }

  private static double[] doubles(Tensor t) {
    float[] values = t.toFloats();
    return part(values, 0, values.length);
  }

  private static float[] floats(double[] values, double weight) {
    float[] floats = new float[values.length];
    for (int i = 0; i < floats.length; i++) {
      floats[i] = (float) (weight * values[i]);
    }
    return floats;
  }

  @Override
  public Optional<Outcome> evaluate(TokenizedDataset set, MicroBatch rows) {
    throw new IllegalStateException("ppo: has no evaluation: expected none, got rows");
  }

  @Override
  public Map<String, Double> metrics(Map<String, Double> sums, String prefix) {
    Map<String, Double> metrics = new LinkedHashMap<>();
    double rows = sums.getOrDefault(ROWS, 0.0);
    if (rows > 0) {
      metrics.put(prefix + REWARD, sums.get(REWARD) / rows);
      metrics.put(prefix + DIVERGENCE, sums.get(DIVERGENCE) / rows);
      metrics.put(prefix + "kl_coef", controller.value());
    }
    return metrics;
  }

  @Override
  public List<Parameter> parameters() {
    return head.parameters();
  }

  @Override
  public List<String> plots() {
    return List.of(REWARD, DIVERGENCE);
  }

  @Override
  public void save(Path folder) {
    head.save(folder);
  }

  @Override
  public void load(Path folder) {
    head.load(folder);
  }

  @Override
  public Map<String, Double> state() {
    return Map.of(
        "kl_coef", controller.value(),
        "score_count", scale.count(),
        "score_mean", scale.mean(),
        "score_variance", scale.variance());
  }

  @Override
  public void restore(Map<String, Double> state) {
    controller = new KlController(settings.target, state.get("kl_coef"));
    scale =
        new ScoreScale(
            state.get("score_count"), state.get("score_mean"), state.get("score_variance"));
  }

  @Override
  public void close() {
    head.close();
    scorer.close();
    reference.close();
  }
}
