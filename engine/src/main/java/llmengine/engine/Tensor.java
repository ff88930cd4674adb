package llmengine.engine;

import java.util.function.Consumer;
import java.util.function.UnaryOperator;

/**
 * A view of a backend's memory: dtype, shape, byte offset, and the distance between rows. The
 * innermost dimension is contiguous; all outer dimensions together form the rows, {@code rowStride}
 * elements apart, so a column slice of a fused projection is a view like any other. Holds its
 * gradient once {@link Tape#backward} reached it.
 */
public final class Tensor {
  private final Scope scope;
  private final Buffer buffer;
  private final long offset;
  private final DType dtype;
  private final Shape shape;
  private final long rowStride;
  private final Tensor base; // of a view: the tensor it looks at
  private final UnaryOperator<Tensor> slice; // of a view: what makes it from its base
  private boolean needsGrad;
  private Tensor grad;
  private Consumer<Tensor> whenComplete;

  Tensor(
      Scope scope,
      Buffer buffer,
      long offset,
      DType dtype,
      Shape shape,
      long rowStride,
      Tensor base,
      UnaryOperator<Tensor> slice) {
    this.scope = scope;
    this.buffer = buffer;
    this.offset = offset;
    this.dtype = dtype;
    this.shape = shape;
    this.rowStride = rowStride;
    this.base = base;
    this.slice = slice;
    this.needsGrad = base != null && base.needsGrad;
  }

  public Backend backend() {
    return scope.backend();
  }

  /** The scope that owns the memory. */
  public Scope scope() {
    return scope;
  }

  public Buffer buffer() {
    return buffer;
  }

  /** Position of the first element in the buffer, in bytes. */
  public long offset() {
    return offset;
  }

  public DType dtype() {
    return dtype;
  }

  public Shape shape() {
    return shape;
  }

  public int rows() {
    return shape.rows();
  }

  public int cols() {
    return shape.cols();
  }

  public long size() {
    return shape.size();
  }

  /** Elements from one row to the next. */
  public long rowStride() {
    return rowStride;
  }

  public boolean isContiguous() {
    return rowStride == cols() || rows() <= 1;
  }

  /**
   * How a PACKED tensor keeps its values.
   *
   * @throws ShapeException for any other dtype
   */
  public Packing packing() {
    if (!(buffer instanceof Buffer.Packed packed)) {
      throw new ShapeException("packing: wrong dtype: expected PACKED, got " + this + ".");
    }
    return packed.packing();
  }

  /** The tensor that this one is a slice of; null if it is whole. */
  public Tensor base() {
    return base;
  }

  public boolean needsGrad() {
    return needsGrad;
  }

  /**
   * Marks a leaf (a trained parameter) or an op's output as something the loss is differentiated
   * by.
   */
  public Tensor needsGrad(boolean needs) {
    if (needs && dtype == DType.PACKED) {
      throw new ShapeException(
          "needsGrad: a packed weight is frozen: expected a float dtype, got "
              + this
              + ". Train an adapter on it.");
    }
    this.needsGrad = needs;
    return this;
  }

  /** Gradient of the loss, float32, same shape; null before the first contribution. */
  public Tensor grad() {
    return grad;
  }

  public void grad(Tensor gradient) {
    if (gradient != null && !gradient.shape.equals(shape)) {
      throw new ShapeException(
          "grad: wrong shape: expected " + shape + ", got " + gradient.shape + ".");
    }
    this.grad = gradient;
  }

  /**
   * Calls {@code then} in each backward pass as soon as nothing more is added to this leaf's
   * gradient and nothing in the pass reads its value again: it may be updated, and its gradient
   * given back, before the pass goes on. Null for nobody.
   */
  public void whenGradientComplete(Consumer<Tensor> then) {
    whenComplete = then;
  }

  /** Whom to tell that the gradient is complete; null for nobody. */
  Consumer<Tensor> whenComplete() {
    return whenComplete;
  }

  /** Rows {@code from} (inclusive) to {@code to} (exclusive) of a tensor of rank 2, as a view. */
  public Tensor rows(int from, int to) {
    requireMatrix("rows");
    if (from < 0 || to < from || to > rows()) {
      throw new ShapeException(
          "rows: out of range: expected 0 <= from <= to <= "
              + rows()
              + ", got "
              + from
              + " to "
              + to
              + ".");
    }
    Buffer part =
        dtype == DType.PACKED ? new Buffer.Packed(new PackedRows(packing(), from, to)) : buffer;
    return new Tensor(
        scope,
        part,
        offset + from * rowStride * dtype.bytes(),
        dtype,
        Shape.of(to - from, cols()),
        rowStride,
        this,
        t -> t.rows(from, to));
  }

  /**
   * Columns {@code from} (inclusive) to {@code to} (exclusive) of a tensor of rank 2, as a view.
   */
  public Tensor columns(int from, int to) {
    requireMatrix("columns");
    requireUnpacked("columns");
    if (from < 0 || to < from || to > cols()) {
      throw new ShapeException(
          "columns: out of range: expected 0 <= from <= to <= "
              + cols()
              + ", got "
              + from
              + " to "
              + to
              + ".");
    }
    return new Tensor(
        scope,
        buffer,
        offset + (long) from * dtype.bytes(),
        dtype,
        Shape.of(rows(), to - from),
        rowStride,
        this,
        t -> t.columns(from, to));
  }

  /** The same elements in another shape, as a view; only of a contiguous tensor. */
  public Tensor reshape(int... dims) {
    requireUnpacked("reshape");
    Shape to = Shape.of(dims);
    if (!isContiguous() || to.size() != size()) {
      throw new ShapeException(
          "reshape: expected a contiguous tensor of " + to.size() + " elements, got " + this + ".");
    }
    return new Tensor(scope, buffer, offset, dtype, to, to.cols(), this, t -> t.reshape(dims));
  }

  /**
   * The part of {@code whole} (same shape as this view's base) that this view covers of its base.
   */
  Tensor sameSliceOf(Tensor whole) {
    return slice.apply(whole);
  }

  /** Values in row-major order, converted to float. Waits for the backend. */
  public float[] toFloats() {
    float[] values = new float[Math.toIntExact(size())];
    backend().read(this, values, 0);
    return values;
  }

  /** Values of an I32 tensor in row-major order. Waits for the backend. */
  public int[] toInts() {
    requireInts("toInts");
    int[] values = new int[Math.toIntExact(size())];
    backend().read(this, values, 0);
    return values;
  }

  /** Overwrites all values, converting to this tensor's dtype. */
  public Tensor set(float... values) {
    requireUnpacked("set");
    if (values.length != size()) {
      throw new ShapeException(
          "set: wrong number of values: expected " + size() + ", got " + values.length + ".");
    }
    backend().write(values, 0, this);
    return this;
  }

  /** Overwrites all values of an I32 tensor. */
  public Tensor set(int... values) {
    requireInts("set");
    if (values.length != size()) {
      throw new ShapeException(
          "set: wrong number of values: expected " + size() + ", got " + values.length + ".");
    }
    backend().write(values, 0, this);
    return this;
  }

  private void requireInts(String op) {
    if (dtype != DType.I32) {
      throw new ShapeException(op + ": wrong dtype: expected I32 for integers, got " + this + ".");
    }
  }

  private void requireUnpacked(String op) {
    if (dtype == DType.PACKED) {
      throw new ShapeException(
          op
              + ": a packed matrix is read-only and has row slices only: expected a plain dtype,"
              + " got "
              + this
              + ".");
    }
  }

  private void requireMatrix(String op) {
    if (shape.rank() != 2) {
      throw new ShapeException(op + ": not a matrix: expected rank 2, got " + shape + ".");
    }
  }

  @Override
  public String toString() {
    return dtype + shape.toString();
  }
}
