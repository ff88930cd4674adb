package llmengine.peft;

import java.util.Optional;
import java.util.function.Function;
import llmengine.engine.Backend;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.quant.WeightQuantizer;
import llmengine.quant.bnb.FourBitQuantizer;

/**
 * LoftQ's split of a weight W (Li et al. 2023, algorithm 1): Q is W in NF4, L the R strongest
 * directions of W - Q; further iterations round W - L and decompose again. Of all iterations the
 * one with the least |W - Q - L| is kept, since rounding anew may also lose: more iterations are
 * never worse.
 *
 * @param scope owns Q and nothing else
 * @param rounded Q, PACKED (N, K)
 * @param start what was made of L's decomposition, if asked for
 */
record LoftqSplit(Scope scope, Tensor rounded, Optional<SplitBase.Start> start) {
  /** As bitsandbytes and PEFT: 64 values to a scale, scales in float32. */
  static final WeightQuantizer NF4 = FourBitQuantizer.nf4(64, false);

  /** What rounding loses has a flat spectrum: more iterations would find nothing stronger. */
  private static final int SVD_ITERATIONS = 4;

  /**
   * Splits W; beside Q that takes two matrices (N, K) in float32 for the time.
   *
   * @param name of the layer, for errors
   * @param start makes A and B of the decomposition; without it and with one iteration there is
   *     none
   */
  static LoftqSplit of(
      String name,
      Tensor w,
      int rank,
      int iterations,
      long seed,
      Optional<Function<TruncatedSvd, SplitBase.Start>> start) {
    Backend backend = w.scope().backend();
    Scope best = new Scope(backend, "loftq");
    try (Scope scratch = new Scope(backend, "loftq split")) {
      Tensor rounded = NF4.quantize(best, name, w);
      if (start.isEmpty() && iterations == 1) {
        return new LoftqSplit(best, rounded, Optional.empty());
      }
      Tensor lost = scratch.empty(DType.F32, w.rows(), w.cols());
      Tensor kept = scratch.empty(DType.F32, w.rows(), w.cols());
      lose(w, rounded, lost, kept);
      TruncatedSvd svd = TruncatedSvd.fast(scratch, lost, rank, SVD_ITERATIONS, seed);
      TruncatedSvd now = svd;
      double least = iterations == 1 ? 0 : error(lost, now);
      for (int i = 1; i < iterations; i++) {
        backend.copy(w, kept);
        add(kept, now, -1); // W - L
        Scope other = new Scope(backend, "loftq");
        boolean better = false;
        try {
          Tensor again = NF4.quantize(other, name, kept);
          lose(w, again, lost, kept);
          now = TruncatedSvd.fast(scratch, lost, rank, SVD_ITERATIONS, seed);
          double error = error(lost, now);
          better = error < least;
          if (better) {
            least = error;
            rounded = again;
            svd = now;
            best.close();
            best = other;
          }
        } finally {
          if (!better) {
            other.close();
          }
        }
      }
      TruncatedSvd strongest = svd;
      return new LoftqSplit(best, rounded, start.map(f -> f.apply(strongest)));
    } catch (RuntimeException | Error e) {
      best.close();
      throw e;
    }
  }

  /** lost = W - Q, with room for Q in float32. */
  private static void lose(Tensor w, Tensor rounded, Tensor lost, Tensor room) {
    Backend backend = lost.backend();
    backend.copy(w, lost);
    backend.copy(rounded, room);
    backend.scale(room, -1, lost, true);
  }

  /** |W - Q - L|^2; {@code lost} is spoilt. */
  private static double error(Tensor lost, TruncatedSvd svd) {
    add(lost, svd, -1);
    return lost.backend().sumOfSquares(lost);
  }

  /** x += factor left^T diag(values) right. */
  private static void add(Tensor x, TruncatedSvd svd, float factor) {
    int rank = svd.values().length;
    try (Scope scratch = new Scope(x.backend(), "loftq product")) {
      float[] diagonal = new float[rank * rank];
      for (int i = 0; i < rank; i++) {
        diagonal[i * rank + i] = (float) svd.values()[i];
      }
      Tensor scaled = scratch.empty(DType.F32, rank, svd.right().cols());
      x.backend().matmulNN(scratch.of(diagonal, rank, rank), svd.right(), 1, scaled, false);
      x.backend().matmulTN(svd.left(), scaled, factor, x, true); // (R,N)^T(R,K)
    }
  }
}
