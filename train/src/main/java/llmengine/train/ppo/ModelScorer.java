package llmengine.train.ppo;

import java.util.List;
import java.util.function.Supplier;
import llmengine.engine.Scope;
import llmengine.engine.Segments;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;
import llmengine.nn.Batch;
import llmengine.nn.Decoder;
import llmengine.nn.ValueHead;
import llmengine.peft.Adapters;

/**
 * Scores of a reward model, which stage rm trained: those of its value head at the last token. The
 * model is one of its own, or an adapter on the policy's model that takes the place of the policy's
 * adapter while it scores.
 */
public final class ModelScorer implements Scorer {
  private final Decoder model;
  private final ValueHead head;
  private final Adapters reward; // null for a model of its own
  private final Supplier<Adapters> policy; // the policy's own, if reward is there

  private ModelScorer(Decoder model, ValueHead head, Adapters reward, Supplier<Adapters> policy) {
    this.model = model;
    this.head = head;
    this.reward = reward;
    this.policy = policy;
  }

  /** A model with its head; both are closed with this. */
  public static ModelScorer of(Decoder model, ValueHead head) {
    return new ModelScorer(model, head, null, null);
  }

  /**
   * A second adapter on the policy's model, switched off until it scores; it and its head are
   * closed with this.
   */
  public static ModelScorer of(
      Decoder model, ValueHead head, Adapters reward, Supplier<Adapters> policy) {
    return new ModelScorer(model, head, reward, policy);
  }

  @Override
  public double[] scores(List<int[]> conversations) {
    if (reward == null) {
      return compute(conversations);
    }
    Adapters own = policy.get();
    boolean on = own.isEnabled();
    own.enabled(false);
    reward.enabled(true);
    try {
      return compute(conversations);
    } finally {
      reward.enabled(false);
      own.enabled(on);
    }
  }

  private double[] compute(List<int[]> conversations) {
    int tokens = conversations.stream().mapToInt(c -> c.length).sum();
    int[] ids = new int[tokens];
    int[] positions = new int[tokens];
    int[] lengths = new int[conversations.size()];
    int[] last = new int[lengths.length];
    int at = 0;
    for (int r = 0; r < lengths.length; r++) {
      int[] row = conversations.get(r);
      for (int t = 0; t < row.length; t++) {
        ids[at] = row[t];
        positions[at++] = t;
      }
      lengths[r] = row.length;
      last[r] = at - 1;
    }
    try (Scope scope = new Scope(model.backend(), "activations")) {
      Tape tape = Tape.inference(scope);
      Tensor hidden = model.hidden(tape, Batch.of(scope, ids, positions, Segments.of(lengths)));
      float[] values = head.scores(tape, hidden, last).toFloats();
      double[] scores = new double[values.length];
      for (int r = 0; r < scores.length; r++) {
        scores[r] = values[r];
      }
      return scores;
    }
  }

  @Override
  public void close() {
    head.close();
    if (reward != null) {
      reward.close();
    } else {
      model.close();
    }
  }
}
