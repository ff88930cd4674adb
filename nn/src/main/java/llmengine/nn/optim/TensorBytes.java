package llmengine.nn.optim;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import llmengine.engine.DType;
import llmengine.engine.FormatException;
import llmengine.engine.Tensor;
import llmengine.engine.file.FloatConversion;
import llmengine.engine.file.SafetensorsType;
import llmengine.engine.file.StoredTensor;
import llmengine.engine.file.TensorSource;

/** Tensors to and from safetensors files, a few rows at a time, whatever backend holds them. */
public final class TensorBytes {
  private static final int PIECE_VALUES = 1 << 18;
  private static final ValueLayout.OfInt INT32 = ValueLayout.JAVA_INT_UNALIGNED;

  private TensorBytes() {}

  /** A float, I32 or U8 tensor in its own dtype, read when the file is written. */
  public static TensorSource source(String name, Tensor tensor) {
    int[] dims = tensor.shape().dims();
    SafetensorsType type = SafetensorsType.of(tensor.dtype());
    return new TensorSource(
        name, type, Arrays.stream(dims).asLongStream().toArray(), out -> write(tensor, type, out));
  }

  private static void write(Tensor tensor, SafetensorsType type, TensorSource.Sink out)
      throws java.io.IOException {
    int step = rowsOfPiece(tensor);
    for (int from = 0; from < tensor.rows(); from += step) {
      Tensor piece = rows(tensor, from, Math.min(tensor.rows(), from + step));
      if (tensor.dtype() == DType.I32) {
        out.write(MemorySegment.ofArray(piece.toInts()));
        continue;
      }
      if (tensor.dtype() == DType.U8) {
        out.write(MemorySegment.ofArray(bytes(piece.toFloats())));
        continue;
      }
      MemorySegment values = MemorySegment.ofArray(piece.toFloats());
      if (type == SafetensorsType.F32) {
        out.write(values);
      } else {
        MemorySegment stored = MemorySegment.ofArray(new short[(int) piece.size()]);
        FloatConversion.between(SafetensorsType.F32, type).convert(values, stored, piece.size());
        out.write(stored);
      }
    }
  }

  private static byte[] bytes(float[] values) {
    byte[] bytes = new byte[values.length];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) (int) values[i];
    }
    return bytes;
  }

  /**
   * Copies a stored tensor into one of the same shape, converting between float dtypes.
   *
   * @throws FormatException if shapes differ or the stored dtype is no float (or not I32 for I32,
   *     not U8 for U8)
   */
  public static void read(String where, StoredTensor stored, Tensor to) {
    long[] dims = Arrays.stream(to.shape().dims()).asLongStream().toArray();
    if (!Arrays.equals(stored.shape(), dims)) {
      throw new FormatException(
          where
              + ": "
              + stored.name()
              + ": wrong shape: expected "
              + Arrays.toString(dims)
              + ", got "
              + Arrays.toString(stored.shape())
              + ". Does the file belong to this model?");
    }
    boolean ints = to.dtype() == DType.I32;
    boolean bytewise = to.dtype() == DType.U8;
    if ((ints || bytewise) && stored.type() != SafetensorsType.of(to.dtype())) {
      throw new FormatException(
          where
              + ": "
              + stored.name()
              + ": wrong dtype: expected "
              + to.dtype()
              + ", got "
              + stored.type()
              + ".");
    }
    int step = rowsOfPiece(to);
    long width = stored.type().bits() / 8;
    for (int from = 0; from < to.rows(); from += step) {
      Tensor piece = rows(to, from, Math.min(to.rows(), from + step));
      int count = Math.toIntExact(piece.size());
      MemorySegment bytes = stored.data().asSlice((long) from * to.cols() * width, count * width);
      if (ints) {
        piece.set(bytes.toArray(INT32));
      } else if (bytewise) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
          values[i] = bytes.get(ValueLayout.JAVA_BYTE, i) & 0xFF;
        }
        piece.set(values);
      } else {
        float[] values = new float[count];
        FloatConversion.between(stored.type(), SafetensorsType.F32)
            .convert(bytes, MemorySegment.ofArray(values), count);
        piece.set(values);
      }
    }
  }

  private static int rowsOfPiece(Tensor t) {
    return Math.max(1, PIECE_VALUES / Math.max(1, t.cols()));
  }

  private static Tensor rows(Tensor t, int from, int to) {
    return t.shape().rank() == 2 ? t.rows(from, to) : t.reshape(t.rows(), t.cols()).rows(from, to);
  }
}
