package llmengine.engine.op;

import java.util.SplittableRandom;
import llmengine.engine.Backend;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;

/**
 * y = x R with R block-diagonal and orthogonal, made of skew matrices by Cayley's formula: what OFT
 * does to the inputs of a layer (Qiu et al. 2025, "Orthogonal finetuning made scalable", section
 * 3). Costs 2 M K D operations for M rows of K inputs in blocks of D, and about 8 K D^2 for R.
 */
public final class BlockRotation {
  private BlockRotation() {}

  /**
   * @param x (M, K)
   * @param skew (K / D, D (D - 1) / 2) float32: upper triangles of the blocks' skew matrices
   * @param block D
   * @param terms of the Neumann series for the inverse; 0 for the exact inverse
   * @param dropout share of the blocks that stay as they are; active only if the tape has dropout
   * @return (M, K)
   */
  public static Tensor apply(
      Tape tape, Tensor x, Tensor skew, int block, int terms, float dropout) {
    check(x, skew, block);
    Backend backend = tape.backend();
    int blocks = skew.rows();
    boolean[] idle = idle(tape, blocks, dropout);
    boolean rows = tape.usesRows();
    // the transposed matrix is that of the negative: row arithmetic multiplies by transposes
    Tensor r = rotations(tape.scope(), skew, block, terms, rows ? -1 : 1, idle);
    Tensor y = tape.scope().empty(DType.F32, x.rows(), x.cols());
    for (int i = 0; i < blocks; i++) {
      Tensor in = part(x, i, block);
      Tensor out = part(y, i, block);
      Tensor turn = r.rows(i * block, (i + 1) * block);
      if (rows) {
        backend.matmulRows(in, turn, 1, out, false);
      } else {
        backend.matmulNN(in, turn, 1, out, false); // (M,D)(D,D)
      }
    }
    return tape.record(
        "blockRotation",
        y,
        dy -> {
          if (x.needsGrad()) {
            Tape.Target dx = tape.target(x);
            for (int i = 0; i < blocks; i++) {
              Tensor turn = r.rows(i * block, (i + 1) * block);
              backend.matmulNT(
                  part(dy, i, block), turn, 1, part(dx.tensor(), i, block), dx.accumulate());
            }
          }
          if (skew.needsGrad()) {
            skewGradient(tape, x, dy, skew, block, terms, idle);
          }
        },
        x,
        skew);
  }

  /** out = x R^T, R as above: the rotation undone. */
  public static void backwards(Tensor x, Tensor skew, int block, int terms, Tensor out) {
    check(x, skew, block);
    try (Scope scratch = new Scope(x.backend(), "rotation")) {
      Tensor r = rotations(scratch, skew, block, terms, 1, new boolean[skew.rows()]);
      for (int i = 0; i < skew.rows(); i++) {
        Tensor turn = r.rows(i * block, (i + 1) * block);
        x.backend().matmulNT(part(x, i, block), turn, 1, part(out, i, block), false);
      }
    }
  }

  private static void check(Tensor x, Tensor skew, int block) {
    Shapes.matrix("blockRotation", "input", x);
    Shapes.equal(
        "blockRotation", "columns of the input for " + skew, skew.rows() * block, x.cols());
    Shapes.equal(
        "blockRotation", "columns of the skew triangles", block * (block - 1) / 2, skew.cols());
  }

  /** Which blocks are left out of this step: the same for every row, and again on recomputation. */
  private static boolean[] idle(Tape tape, int blocks, float dropout) {
    boolean[] idle = new boolean[blocks];
    if (dropout <= 0 || tape.rowKeys() == null || blocks == 1) {
      return idle;
    }
    SplittableRandom random = new SplittableRandom(tape.dropoutKey());
    int left = (int) (dropout * blocks);
    for (int i = 0; i < blocks; i++) {
      if (random.nextInt(blocks - i) < left) {
        idle[i] = true;
        left--;
      }
    }
    return idle;
  }

  /** (K, D): the blocks of R one below the other. */
  private static Tensor rotations(
      Scope scope, Tensor skew, int block, int terms, float sign, boolean[] idle) {
    Cayley cayley = new Cayley(block, terms);
    Tensor r = scope.empty(DType.F32, skew.rows() * block, block);
    float[] triangle = new float[skew.cols()];
    float[] none = new float[skew.cols()];
    for (int i = 0; i < skew.rows(); i++) {
      skew.backend().read(skew.rows(i, i + 1), triangle, 0);
      r.rows(i * block, (i + 1) * block).set(cayley.rotation(idle[i] ? none : triangle, sign));
    }
    return r;
  }

  private static void skewGradient(
      Tape tape, Tensor x, Tensor dy, Tensor skew, int block, int terms, boolean[] idle) {
    Backend backend = tape.backend();
    Tape.Target target = tape.target(skew);
    Cayley cayley = new Cayley(block, terms);
    float[] triangle = new float[skew.cols()];
    float[] gradient = new float[skew.cols()];
    float[] dr = new float[block * block];
    try (Scope scratch = new Scope(backend, tape.scope().owner())) {
      Tensor product = scratch.empty(DType.F32, block, block);
      for (int i = 0; i < skew.rows(); i++) {
        Tensor to = target.tensor().rows(i, i + 1);
        java.util.Arrays.fill(gradient, 0);
        if (target.accumulate()) {
          backend.read(to, gradient, 0);
        }
        if (!idle[i]) {
          backend.matmulTN(part(x, i, block), part(dy, i, block), 1, product, false);
          backend.read(product, dr, 0);
          backend.read(skew.rows(i, i + 1), triangle, 0);
          cayley.rotation(triangle, 1);
          cayley.backward(dr, gradient);
        }
        backend.write(gradient, 0, to);
      }
    }
  }

  private static Tensor part(Tensor x, int i, int block) {
    return x.columns(i * block, (i + 1) * block);
  }
}
