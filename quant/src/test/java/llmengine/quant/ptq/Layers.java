package llmengine.quant.ptq;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import llmengine.engine.Packing;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.engine.cpu.ScalarBackend;
import llmengine.engine.file.Checkpoint;
import llmengine.engine.file.SafetensorsType;
import llmengine.engine.file.SafetensorsWriter;
import llmengine.engine.file.TensorSource;
import llmengine.quant.StoredQuantization;
import llmengine.quant.StoredQuantizations;

/** Packed layers for tests: saved to a file, opened again, decoded. */
final class Layers {
  private Layers() {}

  static StoredQuantization quantization(String config) {
    try {
      return StoredQuantizations.of("config.json", new ObjectMapper().readTree(config));
    } catch (JsonProcessingException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** What becomes of a layer {@code x.weight} made of these tensors. */
  static float[] load(Path folder, String config, List<TensorSource> tensors, int rows, int cols) {
    Path file = folder.resolve("model.safetensors");
    new SafetensorsWriter().write(file, tensors, Map.of());
    try (ScalarBackend backend = new ScalarBackend();
        Checkpoint checkpoint = Checkpoint.open(file);
        Scope scope = new Scope(backend, "test")) {
      Tensor packed =
          quantization(config).load(scope, checkpoint, "x.weight", rows, cols).orElseThrow();
      panelsEqualTheWhole(packed.packing());
      return whole(packed.packing());
    }
  }

  static float[] whole(Packing packing) {
    float[] all = new float[packing.rows() * packing.cols()];
    packing.decode(0, 0, packing.rows(), packing.cols(), all, 0, packing.cols());
    return all;
  }

  /** Any panel holds what the whole matrix holds there, and nothing around it is written. */
  static void panelsEqualTheWhole(Packing packing) {
    float[] all = whole(packing);
    Random random = new Random(5);
    int n = packing.rows();
    int k = packing.cols();
    for (int i = 0; i < 60; i++) {
      int row = random.nextInt(n);
      int col = random.nextInt(k);
      int rows = 1 + random.nextInt(n - row);
      int cols = 1 + random.nextInt(k - col);
      int stride = cols + random.nextInt(3);
      float[] panel = new float[2 + rows * stride + 2];
      java.util.Arrays.fill(panel, 77);
      packing.decode(row, col, rows, cols, panel, 2, stride);
      for (int at = 0; at < panel.length; at++) {
        int r = Math.floorDiv(at - 2, stride);
        int c = Math.floorMod(at - 2, stride);
        boolean inside = r >= 0 && r < rows && c < cols;
        float expected = inside ? all[(row + r) * k + col + c] : 77;
        if (panel[at] != expected) {
          throw new AssertionError(
              "panel (%d, %d) + (%d, %d): (%d, %d): expected %s, got %s"
                  .formatted(row, col, rows, cols, r, c, expected, panel[at]));
        }
      }
    }
    assertThat(packing.bytes()).isPositive();
  }

  /** A layer of random codes; groups shuffled if {@code actOrder}. */
  static QuantizedLayer random(int rows, int cols, int groupSize, int bits, boolean actOrder) {
    Random random = new Random(rows * 31L + cols + bits);
    int groupCount = Math.ceilDiv(cols, groupSize);
    byte[] codes = new byte[rows * cols];
    for (int i = 0; i < codes.length; i++) {
      codes[i] = (byte) random.nextInt(1 << bits);
    }
    float[] scales = new float[groupCount * rows];
    byte[] zeros = new byte[scales.length];
    for (int i = 0; i < scales.length; i++) {
      scales[i] = Float.float16ToFloat(Float.floatToFloat16(0.001f + random.nextFloat() / 50));
      zeros[i] = (byte) random.nextInt(1 << bits);
    }
    int[] groups = null;
    if (actOrder) {
      groups = new int[cols];
      List<Integer> order = new ArrayList<>();
      for (int k = 0; k < cols; k++) {
        order.add(k / groupSize);
      }
      java.util.Collections.shuffle(order, random);
      for (int k = 0; k < cols; k++) {
        groups[k] = order.get(k);
      }
    }
    return new QuantizedLayer(rows, cols, groupSize, codes, scales, zeros, groups);
  }

  /** scale * (code - zero), as the formats mean it. */
  static float[] values(QuantizedLayer layer, int bits) {
    int mask = (1 << bits) - 1;
    float[] values = new float[layer.codes().length];
    for (int n = 0; n < layer.rows(); n++) {
      for (int k = 0; k < layer.cols(); k++) {
        int at = layer.group(k) * layer.rows() + n;
        values[n * layer.cols() + k] =
            layer.scales()[at]
                * ((layer.codes()[n * layer.cols() + k] & mask) - (layer.zeros()[at] & mask));
      }
    }
    return values;
  }

  static byte[] body(TensorSource tensor) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try {
      tensor
          .body()
          .writeTo(
              piece -> {
                for (long i = 0; i < piece.byteSize(); i++) {
                  bytes.write(piece.get(ValueLayout.JAVA_BYTE, i));
                }
              });
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }

  static byte[] body(List<TensorSource> tensors, String name) {
    return body(tensors.stream().filter(t -> t.name().equals(name)).findFirst().orElseThrow());
  }

  static TensorSource bytes(String name, SafetensorsType type, byte[] bytes, long... shape) {
    return TensorSource.of(name, type, shape, MemorySegment.ofArray(bytes));
  }

  static TensorSource ints(String name, int[] values, long... shape) {
    return TensorSource.of(name, SafetensorsType.I32, shape, MemorySegment.ofArray(values));
  }

  static TensorSource floats(String name, float[] values, long... shape) {
    return TensorSource.of(name, SafetensorsType.F32, shape, MemorySegment.ofArray(values));
  }

  /** The list with one tensor left out or, if given, replaced. */
  static List<TensorSource> with(List<TensorSource> tensors, String name, TensorSource instead) {
    List<TensorSource> changed = new ArrayList<>();
    for (TensorSource t : tensors) {
      if (!t.name().equals(name)) {
        changed.add(t);
      } else if (instead != null) {
        changed.add(instead);
      }
    }
    return changed;
  }

  /** (rows, cols) to (cols, rows). */
  static byte[] transposed(byte[] values, int rows, int cols) {
    byte[] turned = new byte[values.length];
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < cols; c++) {
        turned[c * rows + r] = values[r * cols + c];
      }
    }
    return turned;
  }
}
