package llmengine.peft;

import llmengine.engine.DType;
import llmengine.engine.FormatException;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.nn.Decoder;
import llmengine.nn.Linear;
import llmengine.nn.Parameter;

/**
 * A weight under a PiSSA adapter (Meng et al. 2024): W = U S V^T is split into s B A of its R
 * strongest directions, with which the adapter starts, and the rest, which takes W's place as long
 * as the adapter is on. The rest is not stored with the adapter: it follows from W, R and s again.
 */
final class PissaBase {
  private final Parameter weight;
  private final Tensor original;
  private Tensor rest;
  private final Tensor a;
  private final Tensor b;

  private PissaBase(Parameter weight, Tensor rest, Tensor a, Tensor b) {
    this.weight = weight;
    this.original = weight.value();
    this.rest = rest;
    this.a = a;
    this.b = b;
  }

  /**
   * Splits a layer's weight.
   *
   * @param model keeps the rest
   * @param scope keeps the start of A and B
   */
  static PissaBase of(
      Decoder model, Linear linear, LoraStart.Pissa start, int rank, float scale, Scope scope) {
    Tensor w = linear.weight().value();
    check(linear, rank);
    Tensor a = scope.empty(DType.F32, rank, w.cols());
    Tensor b = scope.empty(DType.F32, w.rows(), rank);
    try (Scope scratch = new Scope(scope.backend(), "decomposition")) {
      long seed = linear.name().hashCode(); // the same whenever the adapter is opened
      TruncatedSvd svd =
          start.iterations() == LoraStart.Pissa.EXACT
              ? TruncatedSvd.exact(scratch, w, rank, seed)
              : TruncatedSvd.fast(scratch, w, rank, start.iterations(), seed);
      Tensor roots = scratch.empty(DType.F32, rank, rank);
      float[] diagonal = new float[rank * rank];
      for (int i = 0; i < rank; i++) {
        diagonal[i * rank + i] = (float) Math.sqrt(svd.values()[i] / scale);
      }
      roots.set(diagonal);
      scope.backend().matmulNN(roots, svd.right(), 1, a, false); // (R,R)(R,K)
      scope.backend().matmulTN(svd.left(), roots, 1, b, false); // (R,N)^T(R,R)
    }
    Tensor rest =
        AdapterLayer.changed(
            model.scope(), w, x -> x.backend().matmulNN(b, a, -scale, x, true)); // (N,R)(R,K)
    return new PissaBase(linear.weight(), rest, a, b);
  }

  private static void check(Linear linear, int rank) {
    int side = Math.min(linear.inFeatures(), linear.outFeatures());
    // what GGUF packs is a plain model to everyone else: its rest becomes float32
    if (linear.weight().value().dtype() == DType.PACKED
        && !linear.weight().value().packing().isReplaceable()) {
      throw new FormatException(
          linear.name()
              + ": pissa_init on a quantized weight: expected a float dtype, got "
              + linear.weight().value().packing().name()
              + ", which can't hold what is left of it. Start PiSSA on the model that was not"
              + " quantized, with pissa_convert: true for an adapter of the quantized one.");
    }
    if (linear.name().equals("lm_head")) {
      throw new FormatException(
          "pissa_init: expected layers of the blocks, got lm_head, whose weight may be the token"
              + " table's. Remove it from lora_target.");
    }
    if (rank > side) {
      throw new FormatException(
          linear.name()
              + ": pissa_init needs as many singular directions as the rank: expected at most "
              + side
              + ", got lora_rank "
              + rank
              + ". Lower lora_rank, or leave the layer out of lora_target.");
    }
  }

  /** A (R, K) as the adapter started. */
  Tensor a() {
    return a;
  }

  /** B (N, R) as the adapter started. */
  Tensor b() {
    return b;
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

  /** Gives the memory of the rest back; the whole weight must be in place. */
  void release(Decoder model) {
    if (model.scope().owns(rest)) {
      model.scope().release(rest);
    }
  }
}
