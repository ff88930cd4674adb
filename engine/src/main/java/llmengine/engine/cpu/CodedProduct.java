// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import llmengine.engine.CodedRows;
import llmengine.engine.Tensor;
import llmengine.engine.cpu.x86.CodedKernels;
import llmengine.engine.cpu.x86.Isa;
import llmengine.engine.cpu.x86.TokenRecord;

/**
 * y (M, N) = x (M, K) W (N, K)^T for generated tokens with x in 8 bits ({@link TokenCodes}) and W
 * in the codes it is stored in.
 *
 * <p>For each block b of 32 values the products of codes are summed as integers (in Q6_K: those of
 * 16 values, times their integer scales), which is exact, and go to partial sum b mod 8: p =
 * fma(scale of W * scale of x, sum, p), then, in formats with minimums, p = fma(minimum, scale of x
 * * sum of its codes, p). The partials end in the tree p[i] + p[i + 4], + p[i + 2], + p[1]. So a
 * result depends on nothing but its row and its token, and is bitwise the same in machine code, in
 * vectors of any width and in plain loops.
 *
 * <p>Weights are read from memory once for all tokens. Threads split N.
 */
final class CodedProduct {
  /** Weights that stay in second-level cache while tokens pass over them, a few at a time. */
  private static final int CACHED = 128 << 10;

  /** Values of x that are worth waking a thread for. */
  private static final int GRAIN = 8192;

  private final Team team;
  private final Optional<CodedKernels> kernels;
  private final Worker[] workers;
  private TokenCodes[] tokens = new TokenCodes[0]; // portable code's
  private MemorySegment records = MemorySegment.NULL; // machine code's

  /** What a worker keeps between products. */
  private static final class Worker {
    final CodedKernels.Arguments arguments = new CodedKernels.Arguments();
    final PortableCodedProduct portable = new PortableCodedProduct();
    final TokenCodes codes = new TokenCodes();
    float[] row = new float[0];
    MemorySegment out = MemorySegment.NULL;

    float[] row(int k) {
      if (row.length < k) {
        row = new float[k];
      }
      return row;
    }

    MemorySegment out(long floats) {
      if (out.byteSize() < 4 * floats) {
        out = Arena.ofAuto().allocate(4 * floats, 64);
      }
      return out;
    }
  }

  CodedProduct(Team team, Optional<Isa> isa) {
    this.team = team;
    this.kernels = isa.map(CodedKernels::new);
    this.workers = new Worker[team.threads()];
    for (int w = 0; w < workers.length; w++) {
      workers[w] = new Worker();
    }
  }

  /** c (+)= alpha a b^T, with a (M, K), b {@code n} rows of K, c (M, N). */
  void multiply(Tensor a, CodedRows b, int n, float alpha, Tensor c, boolean accumulate) {
    if (a.rows() == 0 || n == 0) {
      return;
    }
    team.take();
    try {
      encode(a);
      int cached = (int) Math.clamp(CACHED / b.rowBytes(), 2, n + 1) & ~1;
      int perChunk = Math.min(cached, Gemm.roundUp(Gemm.ceilDiv(n, 8 * team.threads()), 2));
      team.run(
          (chunk, worker) -> {
            int row = chunk * perChunk;
            int count = Math.min(perChunk, n - row);
            rows(b, row, count, a.rows(), alpha, c, accumulate, workers[worker]);
          },
          Gemm.ceilDiv(n, perChunk));
    } finally {
      team.release();
    }
  }

  private void encode(Tensor a) {
    int m = a.rows();
    int k = a.cols();
    if (kernels.isPresent()) {
      long size = (long) m * groups(k) * TokenRecord.BYTES;
      if (records.byteSize() < size) {
        records = Arena.ofAuto().allocate(size, 64);
      }
    } else if (tokens.length < m) {
      TokenCodes[] more = new TokenCodes[m];
      for (int i = 0; i < m; i++) {
        more[i] = i < tokens.length ? tokens[i] : new TokenCodes();
      }
      tokens = more;
    }
    int perChunk = Math.max(1, GRAIN / Math.max(1, k));
    team.run(
        (chunk, worker) -> {
          int end = Math.min(m, (chunk + 1) * perChunk);
          for (int i = chunk * perChunk; i < end; i++) {
            encode(a, i, workers[worker]);
          }
        },
        Gemm.ceilDiv(m, perChunk));
  }

  private void encode(Tensor a, int i, Worker worker) {
    int k = a.cols();
    float[] x = worker.row(k);
    Load.run(Pieces.kind(a), Pieces.address(a, i, 0), k, x, 0);
    if (kernels.isEmpty()) {
      tokens[i].encode(x, 0, k);
      return;
    }
    worker.codes.encode(x, 0, k);
    int size = size(i, a.rows());
    int first = i & -size;
    long at = first * (long) groups(k) + (i - first);
    for (int g = 0; g < groups(k); g++) {
      worker.codes.write(g, records.address() + (at + (long) g * size) * TokenRecord.BYTES);
    }
  }

  private static int groups(int k) {
    return Gemm.ceilDiv(k, TokenRecord.VALUES);
  }

  /** How many of {@code m} tokens are computed together with token i: a power of two. */
  private int size(int i, int m) {
    int size = kernels.orElseThrow().maxTokens();
    while ((i & -size) + size > m) {
      size /= 2;
    }
    return size;
  }

  private void rows(
      CodedRows b, int row, int count, int m, float alpha, Tensor c, boolean add, Worker worker) {
    long weights = b.address() + row * b.rowBytes();
    if (kernels.isEmpty()) {
      for (int r = 0; r < count; r++) {
        float[] y = worker.portable.row(b, weights + r * b.rowBytes(), tokens, m);
        for (int i = 0; i < m; i++) {
          store(y[i], i, b.order().row(row + r), alpha, c, add);
        }
      }
      return;
    }
    int groups = groups(b.cols());
    for (int i = 0; i < m; ) {
      int size = size(i, m);
      long x = records.address() + (long) i * groups * TokenRecord.BYTES;
      long out = worker.out((count + 1L) * size).address();
      kernels
          .orElseThrow()
          .kernel(b.layout(), size, b.cols() / TokenCodes.BLOCK, i == 0)
          .run(worker.arguments, weights, b.rowBytes(), count, x, out);
      for (int r = 0; r < count; r++) {
        for (int t = 0; t < size; t++) {
          float y = Window.getFloat(out + 4L * (r * size + t));
          store(y, i + t, b.order().row(row + r), alpha, c, add);
        }
      }
      i += size;
    }
  }

  private static void store(float y, int i, int j, float alpha, Tensor c, boolean accumulate) {
    long to = Pieces.address(c, i, j);
    Window.putFloat(to, accumulate ? Math.fma(alpha, y, Window.getFloat(to)) : alpha * y);
  }
}
