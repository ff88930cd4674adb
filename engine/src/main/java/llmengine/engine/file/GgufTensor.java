package llmengine.engine.file;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * One tensor of a GGUF file. {@code shape} is row-major, outermost first, i.e. the file's {@code
 * ne} reversed: a weight of a linear layer is (out, in). {@code data} is a read-only view of the
 * mapped file, valid until it is closed; {@code position} is the byte position in the file.
 */
public record GgufTensor(
    String name, GgufType type, long[] shape, long position, MemorySegment data) {

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
