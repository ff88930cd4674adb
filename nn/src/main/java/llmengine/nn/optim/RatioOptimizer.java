package llmengine.nn.optim;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.engine.Update;
import llmengine.nn.Parameter;

/**
 * BAdam by ratio: Adam on some entries of every parameter at a time, of which gradients and moments
 * are kept; after {@value #PERIOD} steps others take their turn, with fresh moments. As the badam
 * package does it, the token table and the output layer are frozen, epsilon is not corrected, and
 * nothing decays. A whole gradient exists for one parameter at a time: its chosen entries are taken
 * out when it is complete.
 */
public final class RatioOptimizer implements Optimizer {
  /** Steps with the same entries. */
  public static final int PERIOD = 100;

  private static final int WHOLE_BELOW = 100; // elements

  /** Which entries are chosen. */
  public enum Mask {
    /** A stretch of the row-major values, the next one in the next turn. */
    ADJACENT,
    /** Some here and there, all in turn. */
    SCATTER
  }

  /** The chosen entries of a parameter. */
  private static final class Chosen {
    final ParameterState.Slot slot;
    final Tensor gradient; // (1, m)
    final Tensor places; // (m) I32; null for a stretch
    boolean hasGradient;

    Chosen(ParameterState.Slot slot, Tensor gradient, Tensor places) {
      this.slot = slot;
      this.gradient = gradient;
      this.places = places;
    }

    int size() {
      return Math.toIntExact(slot.parameter.value().size());
    }
  }

  private final ParameterState state;
  private final List<Chosen> all = new ArrayList<>();
  private final Mask mask;
  private final long seed;
  private final double beta1;
  private final double beta2;
  private final double epsilon;
  private long step;

  /**
   * @param scope where state and chosen gradients live
   * @param groups all parameters; those that are never trained are frozen from now on
   * @param ratio share of entries, above 0 and at most 1
   * @param seed of scattered entries
   */
  public RatioOptimizer(
      Scope scope,
      List<ParameterGroup> groups,
      double ratio,
      Mask mask,
      long seed,
      double beta1,
      double beta2,
      double epsilon) {
    this.mask = mask;
    this.seed = seed;
    this.beta1 = beta1;
    this.beta2 = beta2;
    this.epsilon = epsilon;
    List<ParameterGroup> trained = new ArrayList<>();
    for (ParameterGroup group : groups) {
      List<Parameter> members = new ArrayList<>();
      for (Parameter p : group.parameters()) {
        boolean isTrained = isTrained(p.name()) && chosen(p.size(), ratio) > 0;
        p.trainable(isTrained);
        if (isTrained) {
          members.add(p);
        }
      }
      trained.add(new ParameterGroup(members, group.learningRateFactor(), group.weightDecay()));
    }
    state =
        new ParameterState(
            "badam_ratio",
            scope,
            trained,
            (name, shape) ->
                ParameterRule.alike(
                    new int[] {chosen(size(shape), ratio)}, "exp_avg", "exp_avg_sq"),
            (name, dims) -> DType.F32);
    for (ParameterState.Slot slot : state.slots()) {
      int m = slot.buffers[0].cols();
      Chosen chosen =
          new Chosen(
              slot,
              scope.empty(DType.F32, 1, m),
              mask == Mask.SCATTER ? scope.empty(DType.I32, m) : null);
      all.add(chosen);
      slot.parameter.value().whenGradientComplete(value -> take(chosen, value));
    }
    choose();
  }

  /** Whether a parameter of this name is ever trained. */
  public static boolean isTrained(String name) {
    return !name.contains("embed") && !name.contains("lm_head");
  }

  /** How many of a parameter's entries are trained at a time; small ones are trained whole. */
  public static int chosen(long elements, double ratio) {
    return Math.toIntExact(elements < WHOLE_BELOW ? elements : (long) (elements * ratio));
  }

  private static long size(int[] shape) {
    long size = 1;
    for (int n : shape) {
      size *= n;
    }
    return size;
  }

  /** Place in the order at which this turn's entries begin. */
  private long start(Chosen chosen) {
    return step / PERIOD * chosen.gradient.cols() % chosen.size();
  }

  /** Looks up the entries of this turn, where they don't follow from their start. */
  private void choose() {
    if (mask == Mask.ADJACENT) {
      return;
    }
    for (Chosen chosen : all) {
      int n = chosen.size();
      long start = start(chosen);
      Shuffle order = new Shuffle(n, seed * 31 + chosen.slot.parameter.name().hashCode());
      int[] places = new int[chosen.gradient.cols()];
      for (int i = 0; i < places.length; i++) {
        places[i] = (int) order.at((start + i) % n);
      }
      chosen.places.set(places);
    }
  }

  /** Adds the chosen entries of a parameter's gradient to what is kept, and gives it back. */
  private void take(Chosen chosen, Tensor value) {
    Tensor gradient = value.grad();
    Tensor kept = chosen.gradient;
    if (chosen.places == null) {
      Tensor flat = gradient.reshape(1, chosen.size());
      eachStretch(
          chosen,
          (from, to, at) ->
              flat.backend()
                  .scale(
                      flat.columns(from, to),
                      1,
                      kept.columns(at, at + to - from),
                      chosen.hasGradient));
    } else {
      try (Scope scratch = new Scope(gradient.backend(), "optimizer step")) {
        Tensor entries =
            chosen.hasGradient ? scratch.empty(DType.F32, 1, kept.cols()) : kept; // (1, m)
        gradient
            .backend()
            .gatherRows(
                gradient.reshape(chosen.size(), 1), chosen.places, entries.reshape(kept.cols(), 1));
        if (chosen.hasGradient) {
          kept.backend().scale(entries, 1, kept, true);
        }
      }
    }
    chosen.hasGradient = true;
    Gradients.release(chosen.slot.parameter);
  }

  @FunctionalInterface
  private interface Stretch {
    void apply(int from, int to, int at);
  }

  /** The one or two stretches (over the end) of the values, and where they lie in what is kept. */
  private void eachStretch(Chosen chosen, Stretch each) {
    int n = chosen.size();
    int m = chosen.gradient.cols();
    int from = (int) start(chosen);
    int first = Math.min(m, n - from);
    each.apply(from, from + first, 0);
    if (first < m) {
      each.apply(0, m - first, first);
    }
  }

  @Override
  public List<Parameter> parameters() {
    return state.parameters();
  }

  @Override
  public double gradientNorm() {
    double sum = 0;
    for (Chosen chosen : all) {
      sum += chosen.hasGradient ? chosen.gradient.backend().sumOfSquares(chosen.gradient) : 0;
    }
    return Math.sqrt(sum);
  }

  @Override
  public void step(double learningRate, float gradScale) {
    for (Chosen chosen : all) {
      if (chosen.hasGradient) {
        update(chosen, learningRate * chosen.slot.group.learningRateFactor(), gradScale);
      }
    }
    step++;
    if (step % PERIOD == 0) {
      for (Chosen chosen : all) {
        chosen.slot.steps = 0;
        for (Tensor moment : chosen.slot.buffers) {
          moment.backend().fill(moment, 0);
        }
      }
      choose();
    }
  }

  private void update(Chosen chosen, double learningRate, float gradScale) {
    Tensor value = chosen.slot.parameter.value();
    Tensor kept = chosen.gradient;
    int number = ++chosen.slot.steps;
    double rate =
        learningRate * Math.sqrt(1 - Math.pow(beta2, number)) / (1 - Math.pow(beta1, number));
    try (Scope scratch = new Scope(value.backend(), "optimizer step")) {
      Tensor direction = scratch.empty(DType.F32, kept.cols());
      Tensor row = direction.reshape(1, kept.cols());
      value
          .backend()
          .update(
              new Update.AdamDirection(gradScale, beta1, beta2, epsilon),
              direction,
              kept.reshape(kept.cols()),
              chosen.slot.buffers[0],
              chosen.slot.buffers[1]);
      if (chosen.places == null) {
        Tensor flat = value.reshape(1, chosen.size());
        eachStretch(
            chosen,
            (from, to, at) ->
                flat.backend()
                    .scale(
                        row.columns(at, at + to - from),
                        (float) -rate,
                        flat.columns(from, to),
                        true));
      } else {
        value.backend().scale(row, (float) -rate, row, false);
        value
            .backend()
            .scatterAddRows(
                direction.reshape(kept.cols(), 1), chosen.places, value.reshape(chosen.size(), 1));
      }
    }
  }

  @Override
  public void release() {
    all.forEach(chosen -> chosen.hasGradient = false);
    Optimizer.super.release();
  }

  @Override
  public void save(Path file) {
    state.save(file, StepCount.metadata(step));
  }

  @Override
  public void restore(Path file) {
    step = StepCount.read(file);
    state.restore(file);
    choose();
  }
}
