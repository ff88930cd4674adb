package llmengine.nn;

import java.util.Optional;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Segments;
import llmengine.engine.ShapeException;
import llmengine.engine.Tensor;
import llmengine.nn.generate.KvCache;
import llmengine.nn.generate.KvSequence;

/**
 * Tokens to run through a model: M of them, of one or more sequences laid end to end without
 * padding.
 *
 * @param ids (M) I32
 * @param positions (M) I32, for the rotary embedding
 * @param segments which of them attend to which
 * @param maxPosition the largest position
 * @param maxId the largest id, or a negative one if there is any
 * @param shifted which attend to which in the second half of the heads; empty: as in the first
 * @param cache keys and values of earlier tokens, which the model extends; empty in training
 */
public record Batch(
    Tensor ids,
    Tensor positions,
    Segments segments,
    int maxPosition,
    int maxId,
    Optional<Segments> shifted,
    Optional<KvCache> cache) {

  /** Whole sequences, without a cache; {@code positions} usually restart at 0 for each. */
  public static Batch of(Scope scope, int[] ids, int[] positions, Segments segments) {
    if (ids.length != positions.length) {
      throw new ShapeException(
          "batch: expected as many positions as ids, got "
              + positions.length
              + " and "
              + ids.length
              + ".");
    }
    return new Batch(
        scope.empty(DType.I32, ids.length).set(ids),
        scope.empty(DType.I32, ids.length).set(positions),
        segments,
        max(positions),
        highest(ids),
        Optional.empty(),
        Optional.empty());
  }

  /** Whole sequences of these lengths, each attending within itself from position 0. */
  public static Batch of(Scope scope, int[] ids, int... lengths) {
    int[] positions = new int[ids.length];
    int at = 0;
    for (int length : lengths) {
      for (int p = 0; p < length; p++) {
        positions[at++] = p;
      }
    }
    return of(scope, ids, positions, Segments.of(lengths));
  }

  /**
   * The same tokens, attending within groups.
   *
   * @param wraps see {@link ShiftedGroups#shifted}
   */
  public Batch within(ShiftedGroups groups, boolean wraps) {
    return new Batch(
        ids,
        positions,
        groups.plain(),
        maxPosition,
        maxId,
        Optional.of(groups.shifted(wraps)),
        cache);
  }

  /**
   * Next tokens of cached sequences: {@code counts[i]} tokens of {@code sequences[i]}, in this
   * order.
   */
  public static Batch next(
      Scope scope, KvCache cache, int[] ids, KvSequence[] sequences, int[] counts) {
    int[] positions = new int[ids.length];
    int at = 0;
    for (int i = 0; i < sequences.length; i++) {
      for (int p = 0; p < counts[i]; p++) {
        positions[at++] = sequences[i].length() + p;
      }
    }
    return new Batch(
        scope.empty(DType.I32, ids.length).set(ids),
        scope.empty(DType.I32, ids.length).set(positions),
        cache.reserve(sequences, counts),
        max(positions),
        highest(ids),
        Optional.empty(),
        Optional.of(cache));
  }

  private static int highest(int[] ids) {
    int max = 0;
    for (int id : ids) {
      if (id < 0) {
        return id;
      }
      max = Math.max(max, id);
    }
    return max;
  }

  private static int max(int[] values) {
    int max = 0;
    for (int v : values) {
      max = Math.max(max, v);
    }
    return max;
  }
}
