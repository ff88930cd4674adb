package llmengine.nn.optim;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import llmengine.engine.Backend;
import llmengine.engine.Scope;
import llmengine.nn.Parameter;

/**
 * BAdam (Luo et al. 2024, "BAdam: a memory efficient full parameter training method"): Adam on one
 * transformer block at a time; all other parameters are frozen meanwhile, so gradients and moments
 * exist for one block only. The moments start anew with each block. Embeddings, the last norm and
 * the output layer are never trained. As the badam package does it, the first block gets one step
 * less than the others.
 */
public final class BlockOptimizer implements Optimizer {
  private static final Pattern BLOCK = Pattern.compile("(?:^|\\.)layers\\.(\\d+)\\.");

  /** Which block comes next. */
  public enum Order {
    ASCENDING,
    DESCENDING,
    /** Every block once, shuffled, then all again in another order. */
    RANDOM,
    FIXED
  }

  /**
   * How blocks take turns.
   *
   * @param interval steps until the next block
   * @param start block to begin with; empty for the first in the order
   * @param seed of the random order
   */
  public record Turns(Order order, int interval, Optional<Integer> start, long seed) {
    /** The block that is trained at a step, counted from 0. */
    int block(long step, int blocks) {
      long turn = (step + 1) / interval;
      return switch (order) {
        case ASCENDING -> (int) ((start.orElse(0) + turn) % blocks);
        case DESCENDING -> (int) Math.floorMod(start.orElse(blocks - 1) - turn, (long) blocks);
        case FIXED -> start.orElse(0);
        case RANDOM -> {
          if (turn == 0 && start.isPresent()) {
            yield start.get();
          }
          List<Integer> round = new ArrayList<>();
          for (int i = 0; i < blocks; i++) {
            round.add(i);
          }
          Collections.shuffle(round, new Random(seed + turn / blocks));
          yield round.get((int) (turn % blocks));
        }
      };
    }
  }

  private final Backend backend;
  private final List<List<ParameterGroup>> blocks = new ArrayList<>();
  private final List<Parameter> parameters = new ArrayList<>();
  private final Turns turns;
  private final double beta1;
  private final double beta2;
  private final double epsilon;
  private long step;
  private int active = -1;
  private Scope moments; // of the active block
  private ParameterState state;

  /**
   * @param groups all parameters; those outside of blocks are frozen from now on
   */
  public BlockOptimizer(
      Backend backend,
      List<ParameterGroup> groups,
      Turns turns,
      double beta1,
      double beta2,
      double epsilon) {
    this.backend = backend;
    this.turns = turns;
    this.beta1 = beta1;
    this.beta2 = beta2;
    this.epsilon = epsilon;
    Map<Integer, List<ParameterGroup>> byBlock = new TreeMap<>();
    for (ParameterGroup group : groups) {
      Map<Integer, List<Parameter>> members = new TreeMap<>();
      for (Parameter p : group.parameters()) {
        p.trainable(false);
        Matcher name = BLOCK.matcher(p.name());
        if (name.find()) {
          parameters.add(p);
          members.computeIfAbsent(Integer.valueOf(name.group(1)), n -> new ArrayList<>()).add(p);
        }
      }
      members.forEach(
          (block, of) ->
              byBlock
                  .computeIfAbsent(block, n -> new ArrayList<>())
                  .add(new ParameterGroup(of, group.learningRateFactor(), group.weightDecay())));
    }
    blocks.addAll(byBlock.values());
    if (blocks.isEmpty() || turns.start().orElse(0) >= blocks.size()) {
      throw new IllegalArgumentException(
          "badam: no such block: expected a start block below "
              + blocks.size()
              + ", got "
              + turns.start().orElse(0)
              + ".");
    }
    activate();
  }

  /** Trains the block whose turn it is, with fresh moments. */
  private void activate() {
    int next = turns.block(step, blocks.size());
    if (next == active && moments != null && (step + 1) % turns.interval() != 0) {
      return;
    }
    if (active >= 0) {
      train(active, false);
    }
    if (moments != null) {
      moments.close();
    }
    active = next;
    train(active, true);
    moments = new Scope(backend, "optimizer");
    state =
        new ParameterState("badam", moments, blocks.get(active), List.of("exp_avg", "exp_avg_sq"));
  }

  private void train(int block, boolean trained) {
    for (ParameterGroup group : blocks.get(block)) {
      group.parameters().forEach(p -> p.trainable(trained));
    }
  }

  /** The block that is trained now. */
  public int active() {
    return active;
  }

  @Override
  public List<Parameter> parameters() {
    return parameters;
  }

  @Override
  public void step(double learningRate, float gradScale) {
    for (ParameterState.Slot slot : state.slots()) {
      if (slot.parameter.value().grad() != null) {
        AdamW.update(slot, learningRate, gradScale, beta1, beta2, epsilon);
      }
    }
    step++;
    if ((step + 1) % turns.interval() == 0) {
      List<Parameter> before =
          blocks.get(active).stream().flatMap(g -> g.parameters().stream()).toList();
      Gradients.release(before);
      activate();
    }
  }

  @Override
  public void save(Path file) {
    state.save(file, StepCount.metadata(step));
  }

  @Override
  public void restore(Path file) {
    step = StepCount.read(file);
    moments.close();
    moments = null;
    activate();
    state.restore(file);
  }
}
