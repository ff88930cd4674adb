package llmengine.engine;

import java.util.Arrays;
import java.util.stream.Collectors;

/** Sizes of a tensor, outermost first. Immutable. */
public final class Shape {
  private final int[] dims;

  private Shape(int[] dims) {
    this.dims = dims;
  }

  /**
   * @throws ShapeException if a size is negative
   */
  public static Shape of(int... dims) {
    for (int d : dims) {
      if (d < 0) {
        throw new ShapeException(
            "shape: negative size: expected sizes >= 0, got " + Arrays.toString(dims) + ".");
      }
    }
    return new Shape(dims.clone());
  }

  public int rank() {
    return dims.length;
  }

  /** Size of dimension {@code i}; negative {@code i} counts from the end. */
  public int dim(int i) {
    int at = i < 0 ? dims.length + i : i;
    if (at < 0 || at >= dims.length) {
      throw new ShapeException(
          "shape: no such dimension: expected an index within rank "
              + dims.length
              + ", got "
              + i
              + ".");
    }
    return dims[at];
  }

  /** Number of elements. */
  public long size() {
    long n = 1;
    for (int d : dims) {
      n = Math.multiplyExact(n, (long) d);
    }
    return n;
  }

  /** Innermost size; 1 for a scalar. */
  public int cols() {
    return dims.length == 0 ? 1 : dims[dims.length - 1];
  }

  /** Product of all but the innermost size. */
  public int rows() {
    long n = 1;
    for (int i = 0; i < dims.length - 1; i++) {
      n = Math.multiplyExact(n, (long) dims[i]);
    }
    return Math.toIntExact(n);
  }

  public int[] dims() {
    return dims.clone();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Shape s && Arrays.equals(dims, s.dims);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(dims);
  }

  @Override
  public String toString() {
    return Arrays.stream(dims)
        .mapToObj(Integer::toString)
        .collect(Collectors.joining(", ", "(", ")"));
  }
}
