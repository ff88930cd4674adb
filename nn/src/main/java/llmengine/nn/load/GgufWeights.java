package llmengine.nn.load;

import java.util.Optional;
import llmengine.engine.BlockFormat;
import llmengine.engine.BlockMatrix;
import llmengine.engine.Buffer;
import llmengine.engine.DType;
import llmengine.engine.FormatException;
import llmengine.engine.Packing;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.engine.file.GgufFile;
import llmengine.engine.file.GgufTensor;
import llmengine.engine.file.GgufType;
import llmengine.nn.WeightSource;
import llmengine.nn.model.DecoderSpec;

/**
 * Weights of a GGUF file under their Hugging Face names, used where the file is mapped: plain types
 * as they are, quantized matrices as PACKED tensors over their blocks. Undone on the way, as
 * llama.cpp's converter did it: rows of q and k interleaved for the llama architecture (in a view
 * that maps rows, so that nothing is copied), 1 added to Gemma's norm weights.
 */
public final class GgufWeights implements WeightSource {
  private final GgufFile file;
  private final GgufNames names;

  /**
   * @param architecture {@code general.architecture} of the file
   */
  public GgufWeights(GgufFile file, DecoderSpec spec, String architecture) {
    this.file = file;
    this.names = new GgufNames(spec, architecture);
  }

  @Override
  public boolean has(String name) {
    return file.find(names.of(name)).isPresent();
  }

  @Override
  public Tensor load(Scope scope, String name, int... shape) {
    GgufTensor stored = file.tensor(names.of(name));
    LoadedShape.check(file.path() + ": " + stored.name(), stored.shape(), shape);
    int heads = names.interleavedHeads(name);
    float offset = names.offset(name);
    Optional<DType> plain = plainType(stored.type());
    if (plain.isPresent() && heads == 0 && offset == 0) {
      return scope.map(stored.data(), plain.get(), shape);
    }
    if (isPacked(name, stored)) {
      return packed(scope, stored, heads);
    }
    Tensor t = scope.empty(DType.F32, shape);
    if (!(t.buffer() instanceof Buffer.Host host)) {
      throw new FormatException(
          file.path()
              + ": "
              + stored.name()
              + ": expected a backend in host memory, got "
              + scope.backend().name()
              + ".");
    }
    file.decode(stored, host.segment().asSlice(0, 4 * t.size()));
    if (offset != 0) {
      float[] w = t.toFloats();
      for (int i = 0; i < w.length; i++) {
        w[i] -= offset;
      }
      t.set(w);
    }
    if (heads > 0) {
      halves(scope, t, heads);
    }
    return t;
  }

  /** What the file holds under a Hugging Face name. */
  public Optional<GgufTensor> stored(String name) {
    return file.find(names.of(name));
  }

  /**
   * Whether {@link #load} gives the tensor as PACKED: quantized matrices, and 16-bit ones whose
   * rows the file interleaves.
   */
  public boolean isPacked(String name, GgufTensor stored) {
    boolean plain = plainType(stored.type()).isPresent();
    return stored.shape().length == 2
        && (!plain || names.interleavedHeads(name) > 0 && stored.type() != GgufType.F32);
  }

  private Tensor packed(Scope scope, GgufTensor stored, int heads) {
    BlockFormat format = file.format(stored);
    int rows = Math.toIntExact(stored.shape()[0]);
    int cols = Math.toIntExact(stored.shape()[1]);
    int rowBytes = cols / format.blockValues() * format.blockBytes();
    Tensor bytes = scope.map(stored.data(), DType.U8, rows, rowBytes);
    Packing matrix = new BlockMatrix(format, bytes, cols);
    return scope.pack(heads == 0 ? matrix : new RotaryHalves(matrix, rows / heads));
  }

  /** Rows of a head from rotary pairs (2i, 2i + 1) to halves (i, i + D/2). */
  private static void halves(Scope scope, Tensor t, int heads) {
    int cols = t.shape().rank() == 1 ? 1 : t.cols();
    int rows = (int) (t.size() / cols);
    int headDim = rows / heads;
    Tensor matrix = t.reshape(rows, cols);
    float[] head = new float[headDim * cols];
    float[] turned = new float[head.length];
    for (int h = 0; h < heads; h++) {
      Tensor part = matrix.rows(h * headDim, (h + 1) * headDim);
      scope.backend().read(part, head, 0);
      for (int i = 0; i < headDim / 2; i++) {
        System.arraycopy(head, 2 * i * cols, turned, i * cols, cols);
        System.arraycopy(head, (2 * i + 1) * cols, turned, (i + headDim / 2) * cols, cols);
      }
      part.set(turned);
    }
  }

  private static Optional<DType> plainType(GgufType type) {
    return switch (type.name()) {
      case "F32" -> Optional.of(DType.F32);
      case "F16" -> Optional.of(DType.F16);
      case "BF16" -> Optional.of(DType.BF16);
      default -> Optional.empty();
    };
  }
}
