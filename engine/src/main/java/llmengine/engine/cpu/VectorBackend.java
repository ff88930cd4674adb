// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu;

import java.util.Optional;
import llmengine.engine.Activation;
import llmengine.engine.AttentionShape;
import llmengine.engine.CodedRows;
import llmengine.engine.DType;
import llmengine.engine.EightBitState;
import llmengine.engine.Segments;
import llmengine.engine.Tensor;
import llmengine.engine.Update;
import llmengine.engine.cpu.x86.MachineCode;

/**
 * The CPU backend: Vector API kernels over one thread team. Results are bitwise the same for every
 * thread count and vector width (properties {@code engine.threads} and {@code engine.vectorBits}).
 */
public final class VectorBackend extends HostBackend {
  private static final int A = 0;
  private static final int B = 1;

  private final Team team;
  private final Gemm gemm;
  private final RowsProduct rowsProduct;
  private final CodedProduct codedProduct;
  private final Norms norms;
  private final Attention attention;
  private volatile boolean eightBitActivations;

  /** The backend on the process's thread team. */
  public VectorBackend() {
    this(Team.shared());
  }

  VectorBackend(Team team) {
    this.team = team;
    this.gemm = new Gemm(team);
    this.rowsProduct = new RowsProduct(team, MachineCode.isa());
    this.codedProduct = new CodedProduct(team, MachineCode.isa());
    this.norms = new Norms(team);
    this.attention = new Attention(team);
  }

  @Override
  public String name() {
    return "vector";
  }

  /** Threads that compute, the caller among them. */
  public int threads() {
    return team.threads();
  }

  /**
   * Chooses the arithmetic of {@link #matmulRows} with weights in the codes of a GGUF type: with
   * activations in 8 bits, one scale for 32 values, and sums of integers, instead of with decoded
   * values in float32 (the default).
   */
  public void eightBitActivations(boolean on) {
    eightBitActivations = on;
  }

  /** Bits of a vector. */
  public static int vectorBits() {
    return Lanes.BITS;
  }

  @Override
  public void copy(Tensor from, Tensor to) {
    boolean readable = from.dtype().isFloat() || from.dtype() == DType.PACKED;
    if (to.dtype() != DType.F32 || !readable) {
      super.copy(from, to);
      return;
    }
    Pieces.each(
        team,
        (row, column, n, scratch) -> {
          float[] x = Pieces.load(from, row, column, n, scratch, A);
          Store.set(x, 0, n, Pieces.address(to, row, column));
        },
        to,
        from);
  }

  @Override
  public void matmulNT(Tensor a, Tensor b, float alpha, Tensor c, boolean accumulate) {
    gemm.multiply(Gemm.Layout.NT, a.cols(), a, b, alpha, c, accumulate);
  }

  @Override
  public void matmulNN(Tensor a, Tensor b, float alpha, Tensor c, boolean accumulate) {
    gemm.multiply(Gemm.Layout.NN, a.cols(), a, b, alpha, c, accumulate);
  }

  @Override
  public void matmulTN(Tensor a, Tensor b, float alpha, Tensor c, boolean accumulate) {
    gemm.multiply(Gemm.Layout.TN, a.rows(), a, b, alpha, c, accumulate);
  }

  @Override
  public void matmulRows(Tensor a, Tensor b, float alpha, Tensor c, boolean accumulate) {
    Optional<CodedRows> codes =
        eightBitActivations && b.dtype() == DType.PACKED
            ? b.packing().codedRows()
            : Optional.empty();
    if (codes.isPresent()) {
      codedProduct.multiply(a, codes.get(), b.rows(), alpha, c, accumulate);
    } else {
      rowsProduct.multiply(a, b, alpha, c, accumulate);
    }
  }

  @Override
  public void add(Tensor a, Tensor b, Tensor out) {
    Pieces.each(
        team,
        (row, column, n, scratch) -> {
          float[] x = Pieces.load(a, row, column, n, scratch, A);
          Rowwise.add(x, Pieces.load(b, row, column, n, scratch, B), x, n);
          Store.set(x, 0, n, Pieces.address(out, row, column));
        },
        out,
        a,
        b);
  }

  @Override
  public void scale(Tensor x, float alpha, Tensor out, boolean accumulate) {
    Pieces.each(
        team,
        (row, column, n, scratch) -> {
          float[] v = Pieces.load(x, row, column, n, scratch, A);
          Rowwise.scale(v, alpha, v, n);
          Store.run(v, 0, n, Pieces.address(out, row, column), accumulate);
        },
        out,
        x);
  }

  @Override
  public void multiply(Tensor a, Tensor b, Tensor out, boolean accumulate) {
    Pieces.each(
        team,
        (row, column, n, scratch) -> {
          float[] x = Pieces.load(a, row, column, n, scratch, A);
          Rowwise.multiply(x, Pieces.load(b, row, column, n, scratch, B), x, n);
          Store.run(x, 0, n, Pieces.address(out, row, column), accumulate);
        },
        out,
        a,
        b);
  }

  @Override
  public void addRow(Tensor x, Tensor bias) {
    int columns = x.cols();
    Pieces.eachRow(
        team,
        x.rows(),
        columns,
        (row, scratch) -> {
          for (int c = 0; c < columns; c += Pieces.SIZE) {
            int n = Math.min(Pieces.SIZE, columns - c);
            float[] v = Pieces.load(bias, 0, c, n, scratch, B);
            Store.add(v, 0, n, Pieces.address(x, row, c));
          }
        });
  }

  @Override
  public void multiplyRow(Tensor x, Tensor row, Tensor out, boolean accumulate) {
    norms.multiplyRow(x, row, out, accumulate);
  }

  @Override
  public void sumRows(Tensor x, Tensor out, boolean accumulate) {
    norms.sumRows(x, out, accumulate);
  }

  @Override
  public void activation(Activation f, Tensor x, Tensor out) {
    Gates.activation(team, f, x, out);
  }

  @Override
  public void activationBackward(Activation f, Tensor x, Tensor dy, Tensor dx, boolean accumulate) {
    Gates.activationBackward(team, f, x, dy, dx, accumulate);
  }

  @Override
  public void gated(Activation f, Tensor gate, Tensor up, Tensor out) {
    Gates.gated(team, f, gate, up, out);
  }

  @Override
  public void gatedBackward(
      Activation f,
      Tensor gate,
      Tensor up,
      Tensor dy,
      Tensor dgate,
      boolean accumulateGate,
      Tensor dup,
      boolean accumulateUp) {
    Gates.gatedBackward(team, f, gate, up, dy, dgate, accumulateGate, dup, accumulateUp);
  }

  @Override
  public void dropout(Tensor x, float p, long key, Tensor rowKeys, Tensor out, boolean accumulate) {
    Dropout.apply(team, x, p, key, rowKeys, out, accumulate);
  }

  @Override
  public void addNoise(Tensor x, float magnitude, long key, Tensor rowKeys) {
    Dropout.addNoise(team, x, magnitude, key, rowKeys);
  }

  @Override
  public void softcap(Tensor x, float cap) {
    CrossEntropy.softcap(team, x, cap);
  }

  @Override
  public void rmsNorm(Tensor x, Tensor w, float offset, float eps, Tensor out, Tensor rstd) {
    norms.rms(x, w, offset, eps, out, rstd);
  }

  @Override
  public void rmsNormBackward(
      Tensor dy,
      Tensor x,
      Tensor w,
      float offset,
      Tensor rstd,
      Tensor dx,
      boolean accumulateX,
      Tensor dw,
      boolean accumulateW) {
    norms.rmsBackward(dy, x, w, offset, rstd, dx, accumulateX, dw, accumulateW);
  }

  @Override
  public void layerNorm(
      Tensor x, Tensor w, Tensor b, float eps, Tensor out, Tensor mean, Tensor rstd) {
    norms.layer(x, w, b, eps, out, mean, rstd);
  }

  @Override
  public void layerNormBackward(
      Tensor dy,
      Tensor x,
      Tensor w,
      Tensor mean,
      Tensor rstd,
      Tensor dx,
      boolean accumulateX,
      Tensor dw,
      Tensor db,
      boolean accumulateW) {
    norms.layerBackward(dy, x, w, mean, rstd, dx, accumulateX, dw, db, accumulateW);
  }

  @Override
  public void rope(
      Tensor x,
      Tensor positions,
      Tensor cos,
      Tensor sin,
      int headDim,
      boolean inverse,
      Tensor out,
      boolean accumulate) {
    Rotary.rope(team, x, positions, cos, sin, headDim, inverse, out, accumulate);
  }

  @Override
  public void attention(
      Tensor q,
      Tensor k,
      Tensor v,
      Segments segments,
      AttentionShape shape,
      Tensor out,
      Tensor lse) {
    attention.forward(q, k, v, segments, shape, out, lse);
  }

  @Override
  public void attentionBackward(
      Tensor dout,
      Tensor q,
      Tensor k,
      Tensor v,
      Tensor out,
      Tensor lse,
      Segments segments,
      AttentionShape shape,
      Tensor dq,
      boolean accumulateQ,
      Tensor dk,
      boolean accumulateK,
      Tensor dv,
      boolean accumulateV) {
    clear(dq, accumulateQ);
    clear(dk, accumulateK);
    clear(dv, accumulateV);
    attention.backward(dout, q, k, v, out, lse, segments, shape, dq, dk, dv);
  }

  private void clear(Tensor target, boolean accumulate) {
    if (target != null && !accumulate) {
      fill(target, 0);
    }
  }

  @Override
  public void embedding(Tensor table, Tensor ids, float scale, Tensor out) {
    Tables.gather(team, table, ids, scale, out);
  }

  @Override
  public void embeddingBackward(Tensor dout, Tensor ids, float scale, Tensor dtable) {
    Tables.scatterAdd(team, dout, ids, scale, dtable);
  }

  @Override
  public void gatherRows(Tensor x, Tensor rows, Tensor out) {
    Tables.gather(team, x, rows, 1, out);
  }

  @Override
  public void scatterAddRows(Tensor dout, Tensor rows, Tensor dx) {
    Tables.scatterAdd(team, dout, rows, 1, dx);
  }

  @Override
  public void crossEntropy(
      Tensor logits, Tensor targets, float softcap, float gradScale, Tensor losses) {
    CrossEntropy.rows(team, logits, targets, softcap, gradScale, losses);
  }

  @Override
  public double sumOfSquares(Tensor x) {
    return Reductions.sumOfSquares(team, x);
  }

  @Override
  public double sum(Tensor x) {
    return Reductions.sum(team, x);
  }

  @Override
  public int firstNonFiniteRow(Tensor x) {
    return Reductions.firstNonFiniteRow(team, x);
  }

  @Override
  public void update(Update rule, Tensor p, Tensor g, Tensor first, Tensor second) {
    Updates.apply(team, rule, p, g, first, second);
  }

  @Override
  public void update(Update rule, Tensor p, Tensor g, EightBitState first, EightBitState second) {
    Updates.apply(team, rule, p, g, first, second);
  }

  @Override
  public void rowSquares(Tensor x, Tensor out) {
    Updates.rowSquares(team, x, out);
  }

  @Override
  public void columnSquares(Tensor x, Tensor out) {
    Updates.columnSquares(team, x, out);
  }

  @Override
  public void scaleBy(Tensor x, Tensor rows, Tensor columns, Tensor out, boolean accumulate) {
    Updates.scaleBy(team, x, rows, columns, out, accumulate);
  }

  @Override
  public void sgd(
      Tensor p,
      Tensor g,
      Tensor buf,
      float gradScale,
      double lr,
      double momentum,
      double weightDecay,
      boolean nesterov,
      boolean firstStep) {
    Optimizers.sgd(team, p, g, buf, gradScale, lr, momentum, weightDecay, nesterov, firstStep);
  }
}
