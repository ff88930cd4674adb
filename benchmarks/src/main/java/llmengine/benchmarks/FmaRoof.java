package llmengine.benchmarks;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;
import llmengine.engine.cpu.Lanes;

/**
 * Operations a second of fused multiply-adds that touch no memory, in the engine's vector width.
 */
final class FmaRoof {
  private static final VectorSpecies<Float> S = Lanes.F;

  /** Independent chains: latency 4 on two ports needs 8; 14 registers hold with 16 in all. */
  private static final int CHAINS = 12;

  private static final int STEPS = 1 << 20;
  private static final int PASSES = 24;

  private FmaRoof() {}

  /** The best of several passes of all threads at once. */
  static double flopsPerSecond(int threads) {
    long best = Long.MAX_VALUE;
    for (int pass = 0; pass < PASSES; pass++) {
      best = Math.min(best, Threads.nanos(threads, index -> chains(STEPS) > 0));
    }
    return flops(threads) / (best / 1e9);
  }

  /** Operations of a pass. */
  static double flops(int threads) {
    return 2.0 * CHAINS * S.length() * STEPS * threads;
  }

  static float chains(int steps) {
    FloatVector x = FloatVector.broadcast(S, 0.5f);
    FloatVector y = FloatVector.broadcast(S, 0.25f);
    // each begins elsewhere, or the compiler would keep one chain for all
    FloatVector a = y, b = a.add(x), c = b.add(x), d = c.add(x), e = d.add(x), f = e.add(x);
    FloatVector g = f.add(x), h = g.add(x), i = h.add(x), j = i.add(x), k = j.add(x), l = k.add(x);
    for (int step = 0; step < steps; step++) {
      a = a.fma(x, y);
      b = b.fma(x, y);
      c = c.fma(x, y);
      d = d.fma(x, y);
      e = e.fma(x, y);
      f = f.fma(x, y);
      g = g.fma(x, y);
      h = h.fma(x, y);
      i = i.fma(x, y);
      j = j.fma(x, y);
      k = k.fma(x, y);
      l = l.fma(x, y);
    }
    FloatVector sum = a.add(b).add(c).add(d).add(e).add(f);
    return sum.add(g).add(h).add(i).add(j).add(k).add(l).reduceLanes(VectorOperators.ADD);
  }
}
