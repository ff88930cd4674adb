package llmengine.engine;

import java.lang.foreign.MemorySegment;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Owner of tensors: what is allocated in a scope goes back to the pool when the scope is closed. A
 * tensor outlives its scope only by {@link #moveTo}. A scope belongs to one thread at a time.
 */
public final class Scope implements AutoCloseable {
  private final Backend backend;
  private final String owner;
  private final Map<Buffer, Boolean> owned = new IdentityHashMap<>();
  private final Scope outer; // null for one of its own
  private final Set<Scope> inner = Collections.newSetFromMap(new IdentityHashMap<>());
  private long mapped;
  private boolean closed;

  /**
   * @param owner label under which {@link Memory} lists what is allocated here
   */
  public Scope(Backend backend, String owner) {
    this(backend, owner, null);
  }

  private Scope(Backend backend, String owner, Scope outer) {
    this.backend = backend;
    this.owner = owner;
    this.outer = outer;
  }

  /** A scope with the same label that is closed with this one at the latest. */
  public Scope inner() {
    if (closed) {
      throw new IllegalStateException("scope " + owner + ": used after close.");
    }
    Scope scope = new Scope(backend, owner, this);
    inner.add(scope);
    return scope;
  }

  /** Bytes of the tensors that it owns. */
  public long bytes() {
    long sum = 0;
    for (Buffer b : owned.keySet()) {
      sum += b.bytes();
    }
    return sum;
  }

  public Backend backend() {
    return backend;
  }

  public String owner() {
    return owner;
  }

  /** A new tensor whose values are whatever the memory held. */
  public Tensor empty(DType dtype, int... dims) {
    if (closed) {
      throw new IllegalStateException("scope " + owner + ": used after close.");
    }
    Shape shape = Shape.of(dims);
    if (dtype == DType.PACKED) {
      throw new ShapeException(
          "empty: a packed matrix is made by pack: expected a plain dtype, got "
              + dtype
              + shape
              + ".");
    }
    Buffer buffer =
        backend.memory().take(Math.multiplyExact(shape.size(), (long) dtype.bytes()), owner);
    owned.put(buffer, true);
    return new Tensor(this, buffer, 0, dtype, shape, shape.cols(), null, null);
  }

  public Tensor zeros(DType dtype, int... dims) {
    Tensor t = empty(dtype, dims);
    backend.fill(t, 0);
    return t;
  }

  /** Float32 tensor with these values in row-major order. */
  public Tensor of(float[] values, int... dims) {
    return empty(DType.F32, dims).set(values);
  }

  /** Vector of 32-bit integers. */
  public Tensor of(int... values) {
    return empty(DType.I32, values.length).set(values);
  }

  /**
   * A read-only tensor over memory that lives at least as long as this scope, such as a mapped
   * file: nothing is copied.
   */
  public Tensor map(MemorySegment memory, DType dtype, int... dims) {
    Shape shape = Shape.of(dims);
    if (memory.byteSize() != shape.size() * dtype.bytes()) {
      throw new ShapeException(
          "map: wrong size: expected "
              + shape.size() * dtype.bytes()
              + " bytes for "
              + dtype
              + shape
              + ", got "
              + memory.byteSize()
              + ".");
    }
    mapped += memory.byteSize();
    backend.memory().mapped(memory.byteSize(), owner);
    return new Tensor(this, backend.map(memory), 0, dtype, shape, shape.cols(), null, null);
  }

  /**
   * The matrix {@code packing} (N, K) as a frozen weight of dtype PACKED. Its parts live in this
   * scope or in one that outlives it; the tensor itself owns nothing.
   */
  public Tensor pack(Packing packing) {
    Shape shape = Shape.of(packing.rows(), packing.cols());
    return new Tensor(
        this, new Buffer.Packed(packing), 0, DType.PACKED, shape, shape.cols(), null, null);
  }

  /**
   * Hands the memory of a whole tensor (not a view) of this scope over to another scope; returns it
   * under its new owner.
   */
  public Tensor moveTo(Scope other, Tensor t) {
    if (other.closed) {
      throw new IllegalStateException("scope " + other.owner + ": moveTo: used after close.");
    }
    if (t.base() != null || owned.remove(t.buffer()) == null) {
      throw new IllegalStateException(
          "scope " + owner + ": moveTo: expected a whole tensor of this scope, got " + t + ".");
    }
    other.owned.put(t.buffer(), true);
    backend.memory().moved(t.buffer(), owner, other.owner);
    Tensor moved =
        new Tensor(other, t.buffer(), t.offset(), t.dtype(), t.shape(), t.rowStride(), null, null);
    return moved.needsGrad(t.needsGrad());
  }

  /** Gives one tensor back early; nothing may use it or a view of it afterwards. */
  public void release(Tensor t) {
    if (owned.remove(t.buffer()) == null) {
      throw new IllegalStateException(
          "scope " + owner + ": release: expected a tensor of this scope, got " + t + ".");
    }
    backend.memory().give(t.buffer(), owner);
  }

  /** Whether this scope still owns the tensor's memory. */
  public boolean owns(Tensor t) {
    return owned.containsKey(t.buffer());
  }

  @Override
  public void close() {
    closed = true;
    List.copyOf(inner).forEach(Scope::close);
    if (outer != null) {
      outer.inner.remove(this);
    }
    for (Buffer b : owned.keySet()) {
      backend.memory().give(b, owner);
    }
    owned.clear();
    backend.memory().mapped(-mapped, owner);
    mapped = 0;
  }
}
