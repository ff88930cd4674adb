package llmengine.quant.ptq;

import java.lang.foreign.MemorySegment;
import llmengine.engine.DType;
import llmengine.engine.FormatException;
import llmengine.engine.Tensor;
import llmengine.quant.HostMemory;

/** Scales or zero points beside the codes, read as floats in the dtype they are stored in. */
final class SideValues {
  private final Tensor tensor;
  private final MemorySegment memory;
  private final DType dtype;

  SideValues(Tensor tensor) {
    this.tensor = tensor;
    this.memory = HostMemory.of(tensor);
    this.dtype = tensor.dtype();
  }

  Tensor tensor() {
    return tensor;
  }

  float at(long i) {
    return switch (dtype) {
      case F32 -> memory.get(HostMemory.FLOAT, 4 * i);
      case F16 -> Float.float16ToFloat(memory.get(HostMemory.SHORT, 2 * i));
      default -> Float.intBitsToFloat(memory.get(HostMemory.SHORT, 2 * i) << 16);
    };
  }

  /** Values {@code from} to {@code from + n} into {@code to[at ...]}. */
  void read(long from, int n, float[] to, int at) {
    if (dtype == DType.F32) {
      MemorySegment.copy(memory, HostMemory.FLOAT, 4 * from, to, at, n);
      return;
    }
    for (int i = 0; i < n; i++) {
      to[at + i] = at(from + i);
    }
  }

  /** Adds values {@code from} to {@code from + n} to {@code to[at ...]}. */
  void add(long from, int n, float[] to, int at) {
    switch (dtype) {
      case F32 -> {
        for (int i = 0; i < n; i++) {
          to[at + i] += memory.get(HostMemory.FLOAT, 4 * (from + i));
        }
      }
      case F16 -> {
        for (int i = 0; i < n; i++) {
          to[at + i] += Float.float16ToFloat(memory.get(HostMemory.SHORT, 2 * (from + i)));
        }
      }
      default -> {
        for (int i = 0; i < n; i++) {
          to[at + i] += Float.intBitsToFloat(memory.get(HostMemory.SHORT, 2 * (from + i)) << 16);
        }
      }
    }
  }

  /**
   * Looks at all of them.
   *
   * @throws FormatException if one is NaN, infinite, or, for scales, zero
   */
  SideValues check(String where, boolean scales) {
    long n = tensor.size();
    for (long i = 0; i < n; i++) {
      float v = at(i);
      if (!Float.isFinite(v) || scales && v == 0) {
        throw new FormatException(
            where
                + ": damaged value at "
                + i
                + ": expected a finite number"
                + (scales ? " other than 0" : "")
                + ", got "
                + v
                + ". Download or quantize the checkpoint again.");
      }
    }
    return this;
  }
}
