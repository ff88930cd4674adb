package llmengine.peft;

import java.util.Optional;
import llmengine.engine.DType;
import llmengine.engine.FormatException;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.nn.Decoder;
import llmengine.nn.Linear;
import llmengine.nn.Parameter;

/**
 * A weight that was split into s B A, with which the adapter starts, and a rest, which takes W's
 * place as long as the adapter is on. PiSSA (Meng et al. 2024) splits off the R strongest
 * directions of W; LoftQ ({@link LoftqSplit}) leaves a rest of 4 bits. The rest is not stored with
 * the adapter: it follows from W and the settings again.
 */
final class SplitBase {
  private static final String PISSA_INSTEAD =
      ", which can't hold what is left of it. Start PiSSA on the model that was not"
          + " quantized, with pissa_convert: true for an adapter of the quantized one.";
  private static final String LOFTQ_INSTEAD =
      ", which lost already what LoftQ would give to the adapter. Start LoftQ on the model that"
          + " was not quantized; it quantizes by itself.";

  private final Parameter weight;
  private final Tensor original;
  private Tensor rest;
  private final Optional<Start> start;
  private final Scope scope; // of the rest

  /**
   * What the adapter starts with.
   *
   * @param a (R, K)
   * @param b (N, R)
   */
  record Start(Tensor a, Tensor b) {}

  private SplitBase(Parameter weight, Tensor rest, Optional<Start> start, Scope scope) {
    this.weight = weight;
    this.original = weight.value();
    this.rest = rest;
    this.start = start;
    this.scope = scope;
  }

  /**
   * Splits a layer's weight for PiSSA.
   *
   * @param model keeps the rest
   * @param scope keeps the start of A and B
   */
  static SplitBase pissa(
      Decoder model, Linear linear, LoraStart.Pissa how, int rank, float scale, Scope scope) {
    check(linear, rank, "pissa_init", PISSA_INSTEAD);
    Tensor w = linear.weight().value();
    Start start;
    try (Scope scratch = new Scope(scope.backend(), "decomposition")) {
      TruncatedSvd svd =
          how.iterations() == LoraStart.Pissa.EXACT
              ? TruncatedSvd.exact(scratch, w, rank, seed(linear))
              : TruncatedSvd.fast(scratch, w, rank, how.iterations(), seed(linear));
      start = start(svd, scale, scope);
    }
    Tensor rest =
        AdapterLayer.changed(
            model.scope(),
            w,
            x -> x.backend().matmulNN(start.b(), start.a(), -scale, x, true)); // (N,R)(R,K)
    return new SplitBase(linear.weight(), rest, Optional.of(start), model.scope());
  }

  /**
   * Splits a layer's weight for LoftQ.
   *
   * @param scope keeps the start of A and B
   * @param starts whether the start of A and B is wanted, rather than the rest alone
   */
  static SplitBase loftq(
      Linear linear, LoraStart.Loftq how, int rank, float scale, Scope scope, boolean starts) {
    check(linear, rank, "loftq_init", LOFTQ_INSTEAD);
    LoftqSplit split =
        LoftqSplit.of(
            linear.name(),
            linear.weight().value(),
            rank,
            how.iterations(),
            seed(linear),
            starts ? Optional.of(svd -> start(svd, scale, scope)) : Optional.empty());
    return new SplitBase(linear.weight(), split.rounded(), split.start(), split.scope());
  }

  private static long seed(Linear linear) {
    return linear.name().hashCode(); // the same whenever the adapter is opened
  }

  /** A and B with s B A = left^T diag(values) right, each with the roots of the values. */
  private static Start start(TruncatedSvd svd, float scale, Scope scope) {
    int rank = svd.values().length;
    Tensor a = scope.empty(DType.F32, rank, svd.right().cols());
    Tensor b = scope.empty(DType.F32, svd.left().cols(), rank);
    try (Scope scratch = new Scope(scope.backend(), "decomposition")) {
      Tensor roots = scratch.empty(DType.F32, rank, rank);
      float[] diagonal = new float[rank * rank];
      for (int i = 0; i < rank; i++) {
        diagonal[i * rank + i] = (float) Math.sqrt(Math.max(0, svd.values()[i]) / scale);
      }
      roots.set(diagonal);
      scope.backend().matmulNN(roots, svd.right(), 1, a, false); // (R,R)(R,K)
      scope.backend().matmulTN(svd.left(), roots, 1, b, false); // (R,N)^T(R,R)
    }
    return new Start(a, b);
  }

  private static void check(Linear linear, int rank, String key, String instead) {
    int side = Math.min(linear.inFeatures(), linear.outFeatures());
    // what GGUF packs is a plain model to everyone else: its rest becomes float32
    if (linear.weight().value().dtype() == DType.PACKED
        && !linear.weight().value().packing().isReplaceable()) {
      throw new FormatException(
          linear.name()
              + ": "
              + key
              + " on a quantized weight: expected a float dtype, got "
              + linear.weight().value().packing().name()
              + instead);
    }
    if (linear.name().equals("lm_head")) {
      throw new FormatException(
          key
              + ": expected layers of the blocks, got lm_head, whose weight may be the token"
              + " table's. Remove it from lora_target.");
    }
    if (rank > side) {
      throw new FormatException(
          linear.name()
              + ": "
              + key
              + " needs as many singular directions as the rank: expected at most "
              + side
              + ", got lora_rank "
              + rank
              + ". Lower lora_rank, or leave the layer out of lora_target.");
    }
  }

  /** What the adapter started with; always there with PiSSA, and at LoftQ's start. */
  Start start() {
    return start.orElseThrow();
  }

  /** Puts the rest in place, or the whole weight. */
  void adapted(boolean on) {
    if (on) {
      weight.value(rest);
    } else if (weight.value() != original) {
      rest = weight.value(); // it may have been stored in another dtype meanwhile
      weight.value(original);
    }
  }

  /** What is left of the weight. */
  Tensor rest() {
    return rest;
  }

  /** Rest and adapter in one weight, of the dtype that the rest has or W had if it is packed. */
  Tensor merged(Scope to, AdapterLayer layer) {
    DType dtype = original.dtype().writable();
    if (rest.dtype() != DType.PACKED || dtype == DType.F32) {
      return layer.merged(to, rest);
    }
    try (Scope scratch = new Scope(to.backend(), "merge")) {
      Tensor wide = layer.merged(scratch, rest);
      Tensor out = to.empty(dtype, wide.shape().dims());
      to.backend().copy(wide, out);
      return out;
    }
  }

  /** Gives the memory of the rest back; the whole weight must be in place. */
  void release(Decoder model) {
    if (scope != model.scope()) {
      scope.close();
    } else if (scope.owns(rest)) {
      scope.release(rest);
    }
  }
}
