package llmengine.engine;

/**
 * Element types of a {@link Tensor}. Arithmetic is in float32; the 16-bit types are for storage,
 * and PACKED is a frozen matrix in fewer bits (see {@link Packing}).
 */
public enum DType {
  F32(4),
  F16(2),
  BF16(2),
  I32(4),
  I8(1),
  U8(1),
  PACKED(0);

  private final int bytes;

  DType(int bytes) {
    this.bytes = bytes;
  }

  /** Bytes of one element; 0 for PACKED, whose elements have no size of their own. */
  public int bytes() {
    return bytes;
  }

  /** This type, or F32 for PACKED: what a weight is stored in once it changes. */
  public DType writable() {
    return this == PACKED ? F32 : this;
  }

  /** Whether the elements are floats that can be written and trained. */
  public boolean isFloat() {
    return this == F32 || this == F16 || this == BF16;
  }
}
