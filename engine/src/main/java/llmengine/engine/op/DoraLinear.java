package llmengine.engine.op;

import llmengine.engine.Backend;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;

/**
 * y = m / n (W x + s B A x) + b (Liu et al. 2024, "DoRA", equation 5), with n the lengths of the
 * rows of W + s B A, which are constants to the derivative (section 4.3 there). With dropout the
 * change, not the frozen layer, sees dropped inputs: y = W x + b + (m / n - 1) W d(x) + m / n s B A
 * d(x), as PEFT has it.
 */
public final class DoraLinear {
  /** Rows of a weight that are float32 at a time. */
  private static final int ROWS = 64;

  private DoraLinear() {}

  /** Squared lengths (N) of the rows of a weight (N, K) of any dtype, a few rows at a time. */
  public static void rowSquares(Tensor w, Tensor squares) {
    Backend backend = w.backend();
    try (Scope scratch = new Scope(backend, "row lengths")) {
      Tensor ones = scratch.empty(DType.F32, 1, w.cols());
      backend.fill(ones, 1);
      Tensor values = scratch.empty(DType.F32, ROWS, w.cols());
      Tensor sums = squares.reshape(w.rows(), 1);
      for (int from = 0; from < w.rows(); from += ROWS) {
        int to = Math.min(w.rows(), from + ROWS);
        Tensor part = values.rows(0, to - from);
        backend.copy(w.rows(from, to), part);
        backend.multiply(part, part, part, false);
        backend.matmulNT(part, ones, 1, sums.rows(from, to), false); // (rows,K)(1,K)^T
      }
    }
  }

  /**
   * Lengths of the rows of V = W + s B A without making V: |V_n|^2 = |W_n|^2 + B_n (2 s A W^T + s^2
   * A A^T B^T)_n. Costs 2 N K R operations and memory of N R.
   *
   * @param squares |W_n|^2 (N), see {@link #rowSquares}
   * @return (N), in {@code scope}
   */
  public static Tensor norms(
      Scope scope, Tensor w, Tensor squares, Tensor a, Tensor b, float scale) {
    Backend backend = w.backend();
    int n = w.rows();
    int r = a.rows();
    Tensor norms = scope.empty(DType.F32, n);
    try (Scope scratch = new Scope(backend, scope.owner())) {
      Tensor inner = scratch.empty(DType.F32, r, n);
      backend.matmulNT(a, w, 2 * scale, inner, false); // (R,K)(N,K)^T
      Tensor gram = scratch.empty(DType.F32, r, r);
      backend.matmulNT(a, a, scale * scale, gram, false);
      backend.matmulNT(gram, b, 1, inner, true); // (R,R)(N,R)^T
      Tensor columns = scratch.empty(DType.F32, r, n); // B^T
      float[] identity = new float[r * r];
      for (int i = 0; i < r; i++) {
        identity[i * r + i] = 1;
      }
      backend.matmulNT(gram.set(identity), b, 1, columns, false);
      backend.multiply(inner, columns, inner, false);
      backend.sumRows(inner, norms, false);
    }
    float[] sums = norms.toFloats();
    float[] base = squares.toFloats();
    for (int i = 0; i < n; i++) {
      sums[i] = (float) Math.sqrt(Math.max(0, (double) base[i] + sums[i]));
    }
    return norms.set(sums);
  }

  /**
   * @param x (M, K)
   * @param w (N, K), bias (N) or null: the frozen layer
   * @param a (R, K) and b (N, R), float32
   * @param magnitude m (N)
   * @param norms n (N)
   * @param scale s
   * @param dropout probability of dropping an input of the adapter; active only if the tape has
   *     dropout
   * @return (M, N)
   */
  public static Tensor apply(
      Tape tape,
      Tensor x,
      Tensor w,
      Tensor bias,
      Tensor a,
      Tensor b,
      Tensor magnitude,
      Tensor norms,
      float scale,
      float dropout) {
    Shapes.equal("dora", "columns of lora_A for weight " + w, w.cols(), a.cols());
    Shapes.equal("dora", "columns of lora_B", a.rows(), b.cols());
    Shapes.equal("dora", "rows of lora_B for weight " + w, w.rows(), b.rows());
    Shapes.vector("dora", "magnitude", magnitude, w.rows());
    Backend backend = tape.backend();
    Scope scope = tape.scope();
    boolean drop = dropout > 0 && tape.rowKeys() != null;
    long key = drop ? tape.dropoutKey() : 0;
    Tensor rowKeys = tape.rowKeys();
    Tensor perNorm = scope.empty(DType.F32, w.rows()); // 1 / n
    Tensor gain = gain(scope, magnitude, norms, perNorm); // m / n
    Tensor u = scope.empty(DType.F32, x.rows(), a.rows()); // d(x) A^T  (M, R)
    Tensor z; // W d(x) + s B A d(x)  (M, N)
    Tensor y = scope.empty(DType.F32, x.rows(), w.rows());
    if (drop) {
      try (Scope scratch = new Scope(backend, scope.owner())) {
        Tensor input = LoraLinear.dropped(scratch, x, dropout, key, rowKeys);
        z = Linear.forward(tape, input, w, null);
        LoraLinear.product(tape, input, a, 1, u, false);
        backend.scale(input, -1, input, false);
        backend.add(x, input, input);
        LoraLinear.product(tape, input, w, 1, y, false); // W (x - d(x))
      }
    } else {
      z = Linear.forward(tape, x, w, null);
      LoraLinear.product(tape, x, a, 1, u, false);
    }
    LoraLinear.product(tape, u, b, scale, z, true);
    backend.multiplyRow(z, gain, y, drop);
    if (bias != null) {
      Shapes.vector("dora", "bias", bias, w.rows());
      backend.addRow(y, bias);
    }
    return tape.record(
        "dora",
        y,
        dy -> {
          if (bias != null && bias.needsGrad()) {
            Tape.Target db = tape.target(bias);
            backend.sumRows(dy, db.tensor(), db.accumulate());
          }
          try (Scope scratch = new Scope(backend, scope.owner())) {
            Tensor dz = scratch.empty(DType.F32, x.rows(), w.rows());
            if (magnitude.needsGrad()) {
              backend.multiply(dy, z, dz, false);
              Tensor sums = scratch.empty(DType.F32, w.rows());
              backend.sumRows(dz, sums, false);
              Tape.Target dm = tape.target(magnitude);
              backend.multiply(sums, perNorm, dm.tensor(), dm.accumulate());
            }
            backend.multiplyRow(dy, gain, dz, false);
            if (b.needsGrad()) {
              Tape.Target db = tape.target(b);
              backend.matmulTN(dz, u, scale, db.tensor(), db.accumulate()); // (M,N)^T(M,R)
            }
            Tensor du = scratch.empty(DType.F32, x.rows(), a.rows());
            backend.matmulNN(dz, b, scale, du, false); // (M,N)(N,R)
            if (a.needsGrad()) {
              Tape.Target da = tape.target(a);
              Tensor input = drop ? LoraLinear.dropped(scratch, x, dropout, key, rowKeys) : x;
              backend.matmulTN(du, input, 1, da.tensor(), da.accumulate()); // (M,R)^T(M,K)
            }
            if (x.needsGrad()) {
              Tape.Target dx = tape.target(x);
              if (drop) {
                backend.matmulNN(dy, w, 1, dx.tensor(), dx.accumulate());
                Tensor through = scratch.empty(DType.F32, x.rows(), x.cols());
                backend.scale(dy, -1, dz, true); // (m / n - 1) dy
                backend.matmulNN(dz, w, 1, through, false);
                backend.matmulNN(du, a, 1, through, true);
                backend.dropout(through, dropout, key, rowKeys, dx.tensor(), true);
              } else {
                backend.matmulNN(dz, w, 1, dx.tensor(), dx.accumulate()); // (M,N)(N,K)
                backend.matmulNN(du, a, 1, dx.tensor(), true); // (M,R)(R,K)
              }
            }
          }
        },
        x,
        bias,
        a,
        b,
        magnitude);
  }

  /** m / n and 1 / n; where the row is zero, whatever its gain, the gain is 1 so that B learns. */
  private static Tensor gain(Scope scope, Tensor magnitude, Tensor norms, Tensor perNorm) {
    float[] m = magnitude.toFloats();
    float[] inverse = norms.toFloats();
    for (int i = 0; i < m.length; i++) {
      boolean zero = inverse[i] == 0;
      inverse[i] = zero ? 0 : 1 / inverse[i];
      m[i] = zero ? 1 : m[i] * inverse[i];
    }
    perNorm.set(inverse);
    return scope.empty(DType.F32, m.length).set(m);
  }
}
