package llmengine.benchmarks;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * What this machine can do at most with some threads, measured once in each process.
 *
 * @param gflops fused multiply-adds in registers, two operations each, GFLOP/s
 * @param readGbytes bytes read from memory, GB/s
 * @param triadGbytes bytes moved by a = b + s c in memory, GB/s; as STREAM counts them, three
 *     arrays
 */
record Roofs(double gflops, double readGbytes, double triadGbytes) {
  private static final Map<Integer, Roofs> MEASURED = new ConcurrentHashMap<>();

  static Roofs of(int threads) {
    return MEASURED.computeIfAbsent(
        threads,
        n ->
            new Roofs(
                FmaRoof.flopsPerSecond(n) / 1e9,
                DramRoof.bytesPerSecond(n) / 1e9,
                DramRoof.triadBytesPerSecond(n) / 1e9));
  }
}
