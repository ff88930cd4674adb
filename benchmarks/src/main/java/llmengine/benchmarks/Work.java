package llmengine.benchmarks;

import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/**
 * Work done, which JMH divides by time: {@code gflop} is GFLOP/s, {@code gbytes} GB/s, {@code roof}
 * the share of the machine's own limit that was measured in the same process ({@link Roofs}). A
 * counter that stays 0 has no meaning for the kernel.
 */
@AuxCounters
@State(Scope.Thread)
public class Work {
  public double gflop;
  public double gbytes;
  public double roof;

  @Setup(Level.Iteration)
  public void clear() {
    gflop = 0;
    gbytes = 0;
    roof = 0;
  }

  /** Products: their limit is the rate of fused multiply-adds. */
  void flops(double flops, Roofs roofs) {
    gflop += flops / 1e9;
    roof += flops / 1e9 / roofs.gflops();
  }

  /** What reads more than it writes: its limit is reading memory. */
  void reads(double bytes, Roofs roofs) {
    gbytes += bytes / 1e9;
    roof += bytes / 1e9 / roofs.readGbytes();
  }

  /** What reads and writes: its limit is a triad, a = b + s c. */
  void moves(double bytes, Roofs roofs) {
    gbytes += bytes / 1e9;
    roof += bytes / 1e9 / roofs.triadGbytes();
  }
}
