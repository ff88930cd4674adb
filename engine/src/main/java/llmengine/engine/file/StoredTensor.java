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

  @Override
  public String toString() {
    return name + " " + type + Arrays.toString(shape);
  }
}
