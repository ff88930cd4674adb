package llmengine.train.plan;

import llmengine.engine.Backend;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;

/** Times matrix products of a model's size on this machine, for about a second and a half. */
final class ProductTrial {
  private static final long WARM_UP_NANOS = 700_000_000;
  private static final long TIMED_NANOS = 800_000_000;

  private ProductTrial() {}

  /** Floating-point operations a second of (tokens, width) x (feedForward, width)^T. */
  static double rate(Backend backend, int tokens, int width, int feedForward, DType weights) {
    int m = Math.clamp(tokens, 1, 1024);
    int k = Math.min(width, 4096);
    int n = Math.min(feedForward, 4096);
    try (Scope scope = new Scope(backend, "trial")) {
      Tensor x = scope.empty(DType.F32, m, k);
      Tensor w = scope.empty(weights, n, k);
      Tensor y = scope.empty(DType.F32, m, n);
      backend.fill(x, 0.5f);
      backend.fill(w, 0.25f);
      double operations = 2.0 * m * k * n;
      best(backend, x, w, y, WARM_UP_NANOS);
      return operations / (best(backend, x, w, y, TIMED_NANOS) / 1e9);
    }
  }

  /** Nanoseconds of the fastest call: the others were disturbed by what else the machine does. */
  private static long best(Backend backend, Tensor x, Tensor w, Tensor y, long nanos) {
    long start = System.nanoTime();
    long best = Long.MAX_VALUE;
    long last = start;
    do {
      backend.matmulNT(x, w, 1, y, false);
      long now = System.nanoTime();
      best = Math.min(best, now - last);
      last = now;
    } while (last - start < nanos);
    return Math.max(1, best);
  }
}
