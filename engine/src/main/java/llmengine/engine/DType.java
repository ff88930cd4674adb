package llmengine.engine;

/**
 * Element types of a {@link Tensor}. Arithmetic is in float32; the 16-bit types are for storage.
 */
public enum DType {
  F32(4),
  F16(2),
  BF16(2),
  I32(4),
  I8(1),
  U8(1);

  private final int bytes;

  DType(int bytes) {
    this.bytes = bytes;
  }

  public int bytes() {
    return bytes;
  }

  public boolean isFloat() {
    return this == F32 || this == F16 || this == BF16;
  }
}
