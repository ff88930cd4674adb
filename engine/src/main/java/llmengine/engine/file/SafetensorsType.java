package llmengine.engine.file;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import llmengine.engine.DType;
import llmengine.engine.FormatException;

/**
 * The dtypes a safetensors header may name, with their size in bits
 * (https://github.com/huggingface/safetensors, enum Dtype). Values below a byte are packed; such a
 * tensor must fill whole bytes.
 */
public enum SafetensorsType {
  BOOL(8),
  F4(4),
  F6_E2M3(6),
  F6_E3M2(6),
  U8(8),
  I8(8),
  F8_E5M2(8),
  F8_E4M3(8),
  F8_E8M0(8),
  F8_E4M3FNUZ(8),
  F8_E5M2FNUZ(8),
  I16(16),
  U16(16),
  F16(16),
  BF16(16),
  I32(32),
  U32(32),
  F32(32),
  C64(64),
  F64(64),
  I64(64),
  U64(64);

  private static final Map<String, SafetensorsType> BY_NAME = new HashMap<>();

  static {
    for (SafetensorsType type : values()) {
      BY_NAME.put(type.name(), type);
    }
  }

  private final int bits;

  SafetensorsType(int bits) {
    this.bits = bits;
  }

  /** Bits per value. */
  public int bits() {
    return bits;
  }

  /** The dtype of tensors that can use these bytes in place; empty if the engine has none. */
  public Optional<DType> dtype() {
    return switch (this) {
      case F32 -> Optional.of(DType.F32);
      case F16 -> Optional.of(DType.F16);
      case BF16 -> Optional.of(DType.BF16);
      case I32 -> Optional.of(DType.I32);
      case I8 -> Optional.of(DType.I8);
      case U8 -> Optional.of(DType.U8);
      default -> Optional.empty();
    };
  }

  /** How tensors of this dtype are stored. */
  public static SafetensorsType of(DType dtype) {
    return switch (dtype) {
      case F32 -> F32;
      case F16 -> F16;
      case BF16 -> BF16;
      case I32 -> I32;
      case I8 -> I8;
      case U8 -> U8;
      case PACKED ->
          throw new FormatException(
              "safetensors: a packed matrix has no single dtype: expected plain tensors, got"
                  + " PACKED. Store its parts, or decode it first.");
    };
  }

  static Optional<SafetensorsType> named(String name) {
    return Optional.ofNullable(BY_NAME.get(name));
  }

  /**
   * Bytes of a tensor with this dtype and shape.
   *
   * @throws ArithmeticException if the size overflows a long or does not fill whole bytes
   */
  long bytes(long[] shape) {
    long total = 1;
    for (long size : shape) {
      total = Math.multiplyExact(total, size);
    }
    total = Math.multiplyExact(total, bits);
    if (total % 8 != 0) {
      throw new ArithmeticException("not whole bytes");
    }
    return total / 8;
  }
}
