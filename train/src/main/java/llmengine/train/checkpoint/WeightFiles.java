package llmengine.train.checkpoint;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import llmengine.engine.Buffer;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.engine.file.SafetensorsType;
import llmengine.engine.file.SafetensorsWriter;
import llmengine.engine.file.TensorSource;
import llmengine.nn.Decoder;
import llmengine.nn.Parameter;

/** Writes tensors to safetensors files, converting them piece by piece. */
public final class WeightFiles {
  private static final int PIECE_VALUES = 1 << 20;

  private WeightFiles() {}

  /**
   * All weights of a model as {@code model.safetensors}, or in shards with an index.
   *
   * @param dtype to store matrices and vectors in; null keeps each as it is, packed ones as float32
   */
  public static void writeModel(Path directory, Decoder model, DType dtype, long maxShardBytes) {
    List<TensorSource> sources = new ArrayList<>();
    for (Parameter p : model.parameters().values()) {
      sources.add(
          source(p.name(), p.value(), dtype == null ? p.value().dtype().writable() : dtype));
    }
    writeModel(directory, sources, maxShardBytes);
  }

  /** These tensors as {@code model.safetensors}, or in shards with an index. */
  public static void writeModel(Path directory, List<TensorSource> sources, long maxShardBytes) {
    new SafetensorsWriter()
        .writeSharded(directory, "model", sources, maxShardBytes, SafetensorsWriter.PT_METADATA);
  }

  /** A tensor under a name, stored as {@code dtype}. */
  public static TensorSource source(String name, Tensor value, DType dtype) {
    int[] dims = value.shape().dims();
    long[] shape = new long[dims.length];
    for (int i = 0; i < dims.length; i++) {
      shape[i] = dims[i];
    }
    return new TensorSource(
        name, SafetensorsType.of(dtype), shape, out -> write(value, dtype, out));
  }

  private static void write(Tensor value, DType dtype, TensorSource.Sink out) throws IOException {
    Tensor matrix = value.shape().rank() == 2 ? value : value.reshape(1, (int) value.size());
    if (matrix.rows() == 0 || matrix.cols() == 0) {
      return;
    }
    int rows = Math.clamp(PIECE_VALUES / matrix.cols(), 1, matrix.rows());
    try (Scope scratch = new Scope(value.backend(), "saving")) {
      Tensor piece = scratch.empty(dtype, rows, matrix.cols());
      if (!(piece.buffer() instanceof Buffer.Host host)) {
        throw new IOException("expected a backend in host memory, got " + value.backend().name());
      }
      for (int from = 0; from < matrix.rows(); from += rows) {
        int n = Math.min(rows, matrix.rows() - from);
        value.backend().copy(matrix.rows(from, from + n), piece.rows(0, n));
        out.write(host.segment().asSlice(0, (long) n * matrix.cols() * dtype.bytes()));
      }
    }
  }
}
