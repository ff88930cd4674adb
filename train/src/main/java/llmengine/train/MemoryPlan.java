package llmengine.train;

import java.util.LinkedHashMap;
import java.util.Map;
import llmengine.nn.model.DecoderSpec;

/**
 * Bytes that a training run takes at its peak, by owner. Every figure is a count of tensors times
 * their size; nothing is measured, so it can be shown before a weight is read.
 *
 * @param owners bytes by owner, in the order of the list
 * @param blockBytes activations of one block
 * @param layers blocks
 * @param recomputed blocks whose activations are computed again in the backward pass
 */
public record MemoryPlan(Map<String, Long> owners, long blockBytes, int layers, int recomputed) {
  /**
   * Bytes of logits that exist at a time in the fused loss, and their share of a chunk's hidden
   * states.
   */
  private static final long LOGITS = 40L << 20;

  /**
   * What a run consists of.
   *
   * @param frozen bytes of frozen parameters
   * @param trained elements of trained parameters
   * @param tokens of the largest micro-batch
   * @param adapterFloats what the adapters of a block keep for a token until its backward pass
   * @param recomputes whether blocks are computed again in the backward pass
   */
  public record Shape(
      DecoderSpec spec,
      long frozen,
      long trained,
      OptimizerMemory optimizer,
      long tokens,
      int adapterFloats,
      boolean recomputes) {}

  public static MemoryPlan of(Shape shape) {
    Map<String, Long> owners = new LinkedHashMap<>();
    owners.put("weights", 4 * shape.trained + shape.frozen);
    owners.put("gradients", shape.optimizer.gradients());
    owners.put("optimizer", shape.optimizer.state());
    owners.put("activations", activations(shape));
    owners.put("logits", LOGITS);
    int layers = shape.spec.layers().size();
    return new MemoryPlan(owners, blockBytes(shape), layers, shape.recomputes ? layers : 0);
  }

  /** The same if blocks keep so many bytes of activations instead of computing them again. */
  public MemoryPlan keeping(long bytes) {
    long blocks = Math.min(recomputed, bytes / Math.max(1, blockBytes));
    if (blocks == 0) {
      return this;
    }
    Map<String, Long> all = new LinkedHashMap<>(owners);
    all.merge("kept activations", blocks * blockBytes, Long::sum);
    return new MemoryPlan(all, blockBytes, layers, (int) (recomputed - blocks));
  }

  /** Blocks that are computed again, of all. */
  public double recomputedShare() {
    return layers == 0 ? 0 : recomputed / (double) layers;
  }

  private static long blockBytes(Shape shape) {
    return 4 * shape.tokens * perToken(shape.spec, shape.adapterFloats);
  }

  private static long activations(Shape shape) {
    long block = blockBytes(shape);
    long gradients = 4 * shape.tokens * gradientsPerToken(shape.spec);
    int layers = shape.spec.layers().size();
    long edges =
        4 * shape.tokens * 4 * shape.spec.width(); // embedding, final norm, their gradients
    long forBackward =
        shape.recomputes ? 4 * shape.tokens * shape.spec.width() * layers + block : block * layers;
    return forBackward + gradients + edges;
  }

  /** Floats that one block keeps for a token until its backward pass. */
  private static long perToken(DecoderSpec spec, int adapterFloats) {
    long c = spec.width();
    long q = (long) spec.heads() * spec.headDim();
    long kv = (long) spec.kvHeads() * spec.headDim();
    long norms = (spec.sandwichNorms() ? 4 : 2) * c + (spec.qkNorm() ? q + kv : 0);
    long attention = q + 2 * kv + q + kv + q + c; // projections, rotated, result, output
    long feedForward = 3L * spec.feedForward() + c;
    return norms + attention + feedForward + 2 * c + adapterFloats;
  }

  /**
   * Floats of gradients that exist at a time for a token within a block: the feed-forward part is
   * the widest.
   */
  private static long gradientsPerToken(DecoderSpec spec) {
    return 3L * spec.feedForward() + 4L * spec.width();
  }

  public long total() {
    return owners.values().stream().mapToLong(v -> v).sum();
  }
}
