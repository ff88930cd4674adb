package llmengine.train.plan;

import java.util.Optional;
import llmengine.engine.Backend;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.quant.WeightQuantizer;

/**
 * Times matrix products of a model's size on this machine: rounds of half a second until one is
 * hardly faster than the last, usually three. The first rounds run code that is not compiled yet,
 * longer so on a busy machine.
 */
final class ProductTrial {
  private static final long ROUND_NANOS = 500_000_000;
  private static final int MOST_ROUNDS = 12;

  private ProductTrial() {}

  /** Floating-point operations a second of (tokens, width) x (feedForward, width)^T. */
  static double rate(
      Backend backend,
      int tokens,
      int width,
      int feedForward,
      DType weights,
      Optional<WeightQuantizer> quantizer) {
    int m = Math.clamp(tokens, 1, 1024);
    int k = Math.min(width, 4096);
    int n = Math.min(feedForward, 4096);
    try (Scope scope = new Scope(backend, "trial")) {
      Tensor x = scope.empty(DType.F32, m, k);
      Tensor w = scope.empty(weights, n, k);
      Tensor y = scope.empty(DType.F32, m, n);
      backend.fill(x, 0.5f);
      backend.fill(w, 0.25f);
      if (quantizer.isPresent()) {
        w = quantizer.get().quantize(scope, "trial", w);
      }
      double operations = 2.0 * m * k * n;
      long fastest = best(backend, x, w, y);
      for (int round = 1; round < MOST_ROUNDS; round++) {
        long next = best(backend, x, w, y);
        boolean settled = next > 0.9 * fastest;
        fastest = Math.min(fastest, next);
        if (settled) {
          break;
        }
      }
      return operations / (fastest / 1e9);
    }
  }

  /** Nanoseconds of the fastest call: the others were disturbed by what else the machine does. */
  private static long best(Backend backend, Tensor x, Tensor w, Tensor y) {
    long start = System.nanoTime();
    long best = Long.MAX_VALUE;
    long last = start;
    do {
      backend.matmulNT(x, w, 1, y, false);
      long now = System.nanoTime();
      best = Math.min(best, now - last);
      last = now;
    } while (last - start < ROUND_NANOS);
    return Math.max(1, best);
  }
}
