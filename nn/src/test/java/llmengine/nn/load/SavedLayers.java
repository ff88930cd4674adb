package llmengine.nn.load;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import llmengine.engine.Buffer;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.engine.cpu.ScalarBackend;
import llmengine.engine.file.SafetensorsType;
import llmengine.engine.file.TensorSource;
import llmengine.quant.ptq.HqqQuantizer;
import llmengine.quant.ptq.SmallFloat;

/** Layers as the formats' own tools save them. */
final class SavedLayers {
  private SavedLayers() {}

  private static TensorSource bytes(
      String name, SafetensorsType type, byte[] values, long... shape) {
    return TensorSource.of(name, type, shape, MemorySegment.ofArray(values));
  }

  private static TensorSource floats(String name, float[] values, long... shape) {
    return TensorSource.of(name, SafetensorsType.F32, shape, MemorySegment.ofArray(values));
  }

  private static byte[] memory(Tensor t) {
    MemorySegment all = ((Buffer.Host) t.buffer()).segment();
    return all.asSlice(t.offset(), t.size() * t.dtype().bytes()).toArray(ValueLayout.JAVA_BYTE);
  }

  static List<TensorSource> hqq(String module, float[] w, int n, int k, int bits) {
    try (ScalarBackend backend = new ScalarBackend();
        Scope scope = new Scope(backend, "test")) {
      List<Tensor> parts =
          new HqqQuantizer(bits, 64, 0)
              .quantize(scope, module, scope.of(w, n, k))
              .packing()
              .parts();
      List<TensorSource> tensors = new ArrayList<>();
      SafetensorsType type = bits == 3 ? SafetensorsType.I32 : SafetensorsType.U8;
      long cols = (long) n * k / 64;
      tensors.add(bytes(module + ".W_q", type, memory(parts.get(0)), parts.get(0).rows(), cols));
      tensors.add(floats(module + ".scale", parts.get(1).toFloats(), 1, cols));
      tensors.add(floats(module + ".zero", parts.get(2).toFloats(), 1, cols));
      int[] numbers = {bits, 64, 0};
      List<String> names = List.of(".nbits", ".group_size", ".axis");
      for (int i = 0; i < 3; i++) {
        tensors.add(
            TensorSource.of(
                module + names.get(i),
                SafetensorsType.I32,
                new long[0],
                MemorySegment.ofArray(new int[] {numbers[i]})));
      }
      tensors.add(
          TensorSource.of(
              module + ".shape",
              SafetensorsType.I64,
              new long[] {2},
              MemorySegment.ofArray(new long[] {n, k})));
      String packing = bits > 4 ? "8bit_u8" : bits == 3 ? "3bit_32" : bits + "bit_u8";
      byte[] letters = packing.getBytes(StandardCharsets.US_ASCII);
      tensors.add(bytes(module + ".packing", SafetensorsType.U8, letters, letters.length));
      return tensors;
    }
  }

  /** Random codes: what they stand for is as good a weight as any. */
  static List<TensorSource> aqlm(String module, float[] w, int n, int k) {
    SplittableRandom random = new SplittableRandom(w.length);
    byte[] codes = new byte[n * (k / 8) * 2];
    random.nextBytes(codes);
    float[] books = new float[2 * 256 * 8];
    for (int i = 0; i < books.length; i++) {
      books[i] = (float) random.nextGaussian();
    }
    float[] scales = new float[n];
    for (int i = 0; i < n; i++) {
      scales[i] = 0.1f + i * 1e-3f;
    }
    return List.of(
        bytes(module + ".codes", SafetensorsType.I8, codes, n, k / 8, 2),
        floats(module + ".codebooks", books, 2, 256, 1, 8),
        floats(module + ".scales", scales, n, 1, 1, 1));
  }

  /** Each block's exponent is that of its largest value, less 2 for the largest of E2M1. */
  static List<TensorSource> mxfp4(String module, float[] w, int n, int k) {
    byte[] blocks = new byte[n * k / 2];
    byte[] exponents = new byte[n * k / 32];
    for (int b = 0; b < exponents.length; b++) {
      float largest = 0;
      for (int i = 0; i < 32; i++) {
        largest = Math.max(largest, Math.abs(w[32 * b + i]));
      }
      int exponent = Math.getExponent(largest) - 2;
      exponents[b] = (byte) (exponent + 127);
      for (int i = 0; i < 32; i++) {
        int code = SmallFloat.E2M1.encode(Math.scalb(w[32 * b + i], -exponent));
        blocks[16 * b + i / 2] |= (byte) (code << i % 2 * 4);
      }
    }
    return List.of(
        bytes(module + ".weight_blocks", SafetensorsType.U8, blocks, n, k / 32, 16),
        bytes(module + ".weight_scales", SafetensorsType.U8, exponents, n, k / 32));
  }

  static List<TensorSource> fp8(
      String module, float[] w, int n, int k, int blockRows, int blockCols) {
    int down = Math.ceilDiv(n, blockRows);
    int across = Math.ceilDiv(k, blockCols);
    float[] scales = new float[down * across];
    for (int i = 0; i < w.length; i++) {
      int at = i / k / blockRows * across + i % k / blockCols;
      scales[at] = Math.max(scales[at], Math.abs(w[i]) / 448);
    }
    byte[] codes = new byte[w.length];
    for (int i = 0; i < w.length; i++) {
      int at = i / k / blockRows * across + i % k / blockCols;
      codes[i] = (byte) SmallFloat.E4M3FN.encode(w[i] / scales[at]);
    }
    return List.of(
        bytes(module + ".weight", SafetensorsType.F8_E4M3, codes, n, k),
        floats(module + ".weight_scale_inv", scales, down, across));
  }
}
