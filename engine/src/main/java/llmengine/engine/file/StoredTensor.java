package llmengine.engine.file;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * One tensor of a safetensors file: its Hugging Face name, dtype, shape (row-major, outermost
 * first) and its bytes, a read-only view of the mapped file that lives until the file is closed.
 * {@code position} is the byte position in the file.
 */
public record StoredTensor(
    String name, SafetensorsType type, long[] shape, long position, MemorySegment data) {

  /** Number of values, the product of the shape. */
  public long count() {
    long count = 1;
    for (long size : shape) {
      count *= size;
    }
    return count;
  }

  /**
   * Whether the data start at a multiple of the value's size, as typed memory access needs. Files
   * by common writers are aligned, but the format does not demand it: copy the bytes if not.
   */
  public boolean isAligned() {
    return position % Math.max(1, type.bits() / 8) == 0;
  }

  @Override
  public String toString() {
    return name + " " + type + Arrays.toString(shape);
  }
}
