// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import llmengine.engine.DType;
import llmengine.engine.FloatRows;
import llmengine.engine.StoredOrder;
import llmengine.engine.Tensor;
import llmengine.engine.cpu.x86.FloatRowsKernels;
import llmengine.engine.cpu.x86.Isa;

/** {@link RowsProduct} of weights that are plain numbers, in machine code, with the same bits. */
final class FloatRowsProduct {
  /** Weights of a chunk: they pass through first-level cache one tile after the other. */
  private static final int CHUNK = 128 << 10;

  private final Team team;
  private final FloatRowsKernels kernels;
  private final Worker[] workers;

  /** What a worker keeps between products. */
  private static final class Worker {
    final FloatRowsKernels.Arguments arguments = new FloatRowsKernels.Arguments();
    MemorySegment out = MemorySegment.NULL;

    long out(long floats) {
      if (out.byteSize() < 4 * floats) {
        out = Arena.ofAuto().allocate(4 * floats, 64);
      }
      return out.address();
    }
  }

  FloatRowsProduct(Team team, Isa isa) {
    this.team = team;
    this.kernels = new FloatRowsKernels(isa);
    this.workers = new Worker[team.threads()];
    for (int w = 0; w < workers.length; w++) {
      workers[w] = new Worker();
    }
  }

  /** Weights as this takes them; empty if they are in codes. */
  static Optional<FloatRows> rows(Tensor b) {
    if (b.dtype() == DType.PACKED) {
      return b.packing().floatRows();
    }
    long rowBytes = b.rowStride() * b.dtype().bytes();
    long address = Pieces.address(b, 0, 0);
    return Optional.of(new FloatRows(b.dtype(), address, rowBytes, b.cols(), StoredOrder.PLAIN));
  }

  /** Whether it takes operands of these shapes. */
  static boolean takes(Tensor a, FloatRows b, Tensor c) {
    return a.dtype() == DType.F32
        && FloatRowsKernels.takes(b.cols(), b.rowBytes(), 4 * a.rowStride(), 4 * c.rowStride());
  }

  /** c (+)= alpha a b^T, with a (M, K), b {@code n} rows of K, c (M, N). */
  void multiply(Tensor a, FloatRows b, int n, float alpha, Tensor c, boolean accumulate) {
    int most = (int) Math.clamp(CHUNK / b.rowBytes(), 4, n + 3) & ~3;
    int perChunk = Math.min(most, Gemm.roundUp(Gemm.ceilDiv(n, 8 * team.threads()), 4));
    boolean direct = alpha == 1 && !accumulate && b.order().isPlain();
    team.run(
        (chunk, worker) -> {
          int row = chunk * perChunk;
          int count = Math.min(perChunk, n - row);
          if (direct) {
            long out = Pieces.address(c, 0, row);
            run(a, b, row, count, out, 4 * c.rowStride(), workers[worker]);
            return;
          }
          long out = workers[worker].out((long) perChunk * a.rows());
          run(a, b, row, count, out, 4L * perChunk, workers[worker]);
          for (int i = 0; i < a.rows(); i++) {
            for (int r = 0; r < count; r++) {
              float y = Window.getFloat(out + 4L * (i * perChunk + r));
              long to = Pieces.address(c, i, b.order().row(row + r));
              Window.putFloat(to, accumulate ? Math.fma(alpha, y, Window.getFloat(to)) : alpha * y);
            }
          }
        },
        Gemm.ceilDiv(n, perChunk));
  }

  private void run(
      Tensor a, FloatRows b, int row, int count, long out, long outBytes, Worker worker) {
    kernels.run(
        worker.arguments,
        b.dtype(),
        b.cols(),
        b.address() + row * b.rowBytes(),
        b.rowBytes(),
        count,
        Pieces.address(a, 0, 0),
        4 * a.rowStride(),
        a.rows(),
        out,
        outBytes);
  }
}
