package llmengine.nn.optim;

import java.util.LinkedHashMap;
import java.util.SequencedMap;
import java.util.SplittableRandom;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;

/**
 * Into which space of low rank gradients (M, N) are projected, and back (Zhao et al. 2024,
 * "GaLore", section 4). The matrices lie in an optimizer's state: {@code left} (r, M) and {@code
 * right} (r, N), orthonormal rows, one of them or both.
 *
 * @param rank at most; a matrix's smaller side limits it
 * @param source of the matrices
 */
public record Projection(Type type, int rank, Source source) {
  /** Where the matrices come from. */
  @FunctionalInterface
  public interface Source {
    /**
     * Overwrites the matrices; one of left (r, M) and right (r, N) may be null.
     *
     * @param name of the parameter
     * @param number of its update
     */
    void renew(String name, int number, Tensor gradient, Tensor left, Tensor right);
  }

  /** The gradient's leading singular vectors. */
  public static Projection singular(Type type, int rank) {
    return new Projection(type, rank, (name, number, g, left, right) -> singular(g, left, right));
  }

  /** Gaussian matrices of variance 1 / r that seed, name and number of the update fix. */
  public static Projection random(Type type, int rank, long seed) {
    return new Projection(
        type,
        rank,
        (name, number, g, left, right) -> {
          long dice = seed * 31 + name.hashCode() + 0x9E3779B97F4A7C15L * number;
          if (left != null) {
            draw(left, dice);
          }
          if (right != null) {
            draw(right, ~dice);
          }
        });
  }

  private static void draw(Tensor matrix, long seed) {
    SplittableRandom dice = new SplittableRandom(seed);
    double deviation = 1 / Math.sqrt(matrix.rows());
    float[] values = new float[Math.toIntExact(matrix.size())];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (deviation * dice.nextGaussian());
    }
    matrix.set(values);
  }

  /** Which sides are projected. */
  public enum Type {
    /** The smaller side is kept: right for M >= N, else left. */
    STD,
    /** The other way round. */
    REVERSE_STD,
    LEFT,
    RIGHT,
    FULL
  }

  boolean left(int rows, int cols) {
    return switch (type) {
      case STD -> rows < cols;
      case REVERSE_STD -> rows >= cols;
      case LEFT, FULL -> true;
      case RIGHT -> false;
    };
  }

  boolean right(int rows, int cols) {
    return type == Type.FULL || !left(rows, cols);
  }

  int rank(int rows, int cols) {
    return Math.min(rank, Math.min(rows, cols));
  }

  /** Shape of projected gradients: (r, N) or (M, r) or (r, r). */
  int[] projected(int rows, int cols) {
    int r = rank(rows, cols);
    return new int[] {left(rows, cols) ? r : rows, right(rows, cols) ? r : cols};
  }

  /** The matrices to keep for gradients of this shape. */
  SequencedMap<String, int[]> matrices(int rows, int cols) {
    SequencedMap<String, int[]> shapes = new LinkedHashMap<>();
    int r = rank(rows, cols);
    if (left(rows, cols)) {
      shapes.put("projection_left", new int[] {r, rows});
    }
    if (right(rows, cols)) {
      shapes.put("projection_right", new int[] {r, cols});
    }
    return shapes;
  }

  private static void singular(Tensor g, Tensor left, Tensor right) {
    try (Scope scratch = new Scope(g.backend(), "optimizer step")) {
      if (left != null) {
        g.backend().copy(SingularVectors.of(scratch, g, left.rows(), true), left);
      }
      if (right != null) {
        g.backend().copy(SingularVectors.of(scratch, g, right.rows(), false), right);
      }
    }
  }

  /** scale times the gradient in the projected space. */
  static Tensor project(Scope scope, Tensor g, float scale, Tensor left, Tensor right) {
    Tensor half = g;
    float rest = scale;
    if (left != null) {
      half = scope.empty(DType.F32, left.rows(), g.cols());
      g.backend().matmulNN(left, g, scale, half, false);
      rest = 1;
    }
    if (right == null) {
      return half;
    }
    Tensor out = scope.empty(DType.F32, half.rows(), right.rows());
    g.backend().matmulNT(half, right, rest, out, false);
    return out;
  }

  /** p += scale * what the projected tensor is in the space of the gradients. */
  static void addBack(Tensor projected, float scale, Tensor left, Tensor right, Tensor p) {
    if (left == null) {
      p.backend().matmulNN(projected, right, scale, p, true);
      return;
    }
    if (right == null) {
      p.backend().matmulTN(left, projected, scale, p, true);
      return;
    }
    try (Scope scratch = new Scope(p.backend(), "optimizer step")) {
      Tensor half = scratch.empty(DType.F32, projected.rows(), right.cols());
      p.backend().matmulNN(projected, right, 1, half, false);
      p.backend().matmulTN(left, half, scale, p, true);
    }
  }
}
