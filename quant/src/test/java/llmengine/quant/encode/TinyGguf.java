package llmengine.quant.encode;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/** Writes a GGUF file of F32 tensors with as much metadata as llama-quantize asks for. */
final class TinyGguf {
  private static final int ALIGNMENT = 32;

  /** A tensor to write; shape with rows first. */
  record Tensor(String name, long[] shape, float[] values) {}

  private final ByteArrayOutputStream head = new ByteArrayOutputStream();

  private TinyGguf() {}

  static void write(Path path, GgufMix.Model model, Iterable<Tensor> tensors) throws IOException {
    TinyGguf file = new TinyGguf();
    String arch = model.architecture();
    Map<String, Integer> numbers =
        Map.of(
            "context_length", 128,
            "embedding_length", 256,
            "block_count", model.layers(),
            "feed_forward_length", 256,
            "attention.head_count", model.heads(),
            "attention.head_count_kv", model.kvHeads(),
            "expert_count", model.experts(),
            "expert_used_count", Math.min(2, model.experts()));
    int count = 0;
    for (Tensor ignored : tensors) {
      count++;
    }
    file.head.writeBytes("GGUF".getBytes(StandardCharsets.US_ASCII));
    file.u32(3).u64(count).u64(numbers.size() + 4);
    file.string("general.architecture").u32(8).string(arch);
    for (var entry : numbers.entrySet()) {
      file.string(arch + "." + entry.getKey()).u32(4).u32(entry.getValue());
    }
    int epsilon = Float.floatToIntBits(1e-5f);
    file.string(arch + ".attention.layer_norm_rms_epsilon").u32(6).u32(epsilon);
    file.string(arch + ".attention.layer_norm_epsilon").u32(6).u32(epsilon);
    file.string(arch + ".vocab_size").u32(4).u32(32);
    long offset = 0;
    for (Tensor tensor : tensors) {
      file.string(tensor.name).u32(tensor.shape.length);
      for (int i = tensor.shape.length - 1; i >= 0; i--) {
        file.u64(tensor.shape[i]);
      }
      file.u32(0).u64(offset);
      offset += padded(4L * tensor.values.length);
    }
    try (OutputStream out = Files.newOutputStream(path)) {
      out.write(file.head.toByteArray());
      out.write(new byte[(int) (padded(file.head.size()) - file.head.size())]);
      for (Tensor tensor : tensors) {
        ByteBuffer bytes = ByteBuffer.allocate((int) padded(4L * tensor.values.length));
        bytes.order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().put(tensor.values);
        out.write(bytes.array());
      }
    }
  }

  private static long padded(long size) {
    return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  private TinyGguf u32(int value) {
    for (int i = 0; i < 4; i++) {
      head.write(value >> 8 * i);
    }
    return this;
  }

  private TinyGguf u64(long value) {
    return u32((int) value).u32((int) (value >> 32));
  }

  private TinyGguf string(String value) {
    byte[] bytes = value.getBytes(StandardCharsets.UTF_8);
    u64(bytes.length);
    head.writeBytes(bytes);
    return this;
  }
}
