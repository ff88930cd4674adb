package llmengine.engine.file;

import java.util.Arrays;
import llmengine.engine.FormatException;

/**
 * A tensor to be written to a GGUF file. {@code body} is asked for the bytes when their turn comes
 * and may hand them over in pieces.
 *
 * @param name under which the file lists it, up to 63 bytes
 * @param type of its blocks
 * @param shape row-major, outermost first: a weight of a linear layer is (out, in)
 */
public record GgufSource(String name, GgufType type, long[] shape, TensorSource.Body body) {

  /** Bytes that the body must deliver; a row is whole blocks. */
  long bytes() {
    long row = shape.length == 0 ? 1 : shape[shape.length - 1];
    if (shape.length > GgufHeader.MAX_DIMENSIONS
        || Arrays.stream(shape).anyMatch(n -> n < 0)
        || row % type.blockValues() != 0) {
      throw bad(
          "bad shape",
          "up to "
              + GgufHeader.MAX_DIMENSIONS
              + " sizes, rows of a multiple of "
              + type.blockValues()
              + " values for "
              + type,
          Arrays.toString(shape));
    }
    try {
      long bytes = Math.multiplyExact(row / type.blockValues(), (long) type.blockBytes());
      for (int i = 0; i < shape.length - 1; i++) {
        bytes = Math.multiplyExact(bytes, shape[i]);
      }
      return bytes;
    } catch (ArithmeticException e) {
      throw bad("bad shape", "fewer than 2^63 bytes", Arrays.toString(shape));
    }
  }

  FormatException bad(String what, String expected, String got) {
    return new FormatException(
        "tensor \""
            + name
            + "\": "
            + what
            + ": expected "
            + expected
            + ", got "
            + got
            + ". Nothing was written.");
  }
}
