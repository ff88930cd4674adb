package llmengine.nn.load;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

/** Writes a small llama model as GGUF, its matrices in random blocks of Q4_0. */
final class TinyGguf {
  static final int WIDTH = 64;
  static final int HEADS = 4;
  static final int KV_HEADS = 2;
  static final int FEED_FORWARD = 96;
  static final int LAYERS = 2;
  static final int VOCAB = 50;

  private static final int F32 = 0;
  private static final int F16 = 1;
  private static final int Q4_0 = 2;

  private final SplittableRandom random = new SplittableRandom(3);
  private final Map<String, int[]> shapes = new LinkedHashMap<>(); // rows, cols; cols 0: a vector
  private final Map<String, Object> metadata = new LinkedHashMap<>();

  static void write(Path file) throws IOException {
    Files.write(file, new TinyGguf().bytes());
  }

  private TinyGguf() {
    metadata.put("general.architecture", "llama");
    metadata.put("llama.context_length", 64);
    metadata.put("llama.embedding_length", WIDTH);
    metadata.put("llama.block_count", LAYERS);
    metadata.put("llama.feed_forward_length", FEED_FORWARD);
    metadata.put("llama.attention.head_count", HEADS);
    metadata.put("llama.attention.head_count_kv", KV_HEADS);
    metadata.put("llama.attention.layer_norm_rms_epsilon", 1e-5f);
    metadata.put("llama.rope.freq_base", 10000f);
    metadata.put("llama.vocab_size", VOCAB);
    int kv = WIDTH / HEADS * KV_HEADS;
    shapes.put("token_embd.weight", new int[] {VOCAB, WIDTH});
    for (int l = 0; l < LAYERS; l++) {
      String at = "blk." + l + ".";
      shapes.put(at + "attn_q.weight", new int[] {WIDTH, WIDTH});
      shapes.put(at + "attn_k.weight", new int[] {kv, WIDTH});
      shapes.put(at + "attn_v.weight", new int[] {kv, WIDTH});
      shapes.put(at + "attn_output.weight", new int[] {WIDTH, WIDTH});
      shapes.put(at + "ffn_gate.weight", new int[] {FEED_FORWARD, WIDTH});
      shapes.put(at + "ffn_up.weight", new int[] {FEED_FORWARD, WIDTH});
      shapes.put(at + "ffn_down.weight", new int[] {WIDTH, FEED_FORWARD});
      shapes.put(at + "attn_norm.weight", new int[] {WIDTH, 0});
      shapes.put(at + "ffn_norm.weight", new int[] {WIDTH, 0});
    }
    shapes.put("output_norm.weight", new int[] {WIDTH, 0});
  }

  private byte[] bytes() {
    ByteBuffer out = ByteBuffer.allocate(1 << 20).order(ByteOrder.LITTLE_ENDIAN);
    out.put("GGUF".getBytes(StandardCharsets.UTF_8)).putInt(3);
    out.putLong(shapes.size()).putLong(metadata.size());
    metadata.forEach((key, value) -> pair(out, key, value));
    List<byte[]> data = new ArrayList<>();
    long offset = 0;
    for (Map.Entry<String, int[]> e : shapes.entrySet()) {
      int[] shape = e.getValue();
      // one of the interleaved projections in 16 bits: its rows change places as well
      int type = shape[1] == 0 ? F32 : e.getKey().equals("blk.1.attn_k.weight") ? F16 : Q4_0;
      text(out, e.getKey());
      out.putInt(shape[1] == 0 ? 1 : 2);
      if (shape[1] > 0) {
        out.putLong(shape[1]);
      }
      out.putLong(shape[0]).putInt(type).putLong(offset);
      byte[] values = values(type, shape[0] * Math.max(1, shape[1]));
      data.add(values);
      offset += (values.length + 31) / 32 * 32;
    }
    for (byte[] values : data) {
      out.position((out.position() + 31) / 32 * 32);
      out.put(values);
    }
    byte[] all = new byte[out.position()];
    out.flip().get(all);
    return all;
  }

  private byte[] values(int type, int count) {
    int block = type == Q4_0 ? 18 : type == F16 ? 2 : 4;
    int blocks = type == Q4_0 ? count / 32 : count;
    ByteBuffer values = ByteBuffer.allocate(blocks * block).order(ByteOrder.LITTLE_ENDIAN);
    byte[] codes = new byte[16];
    for (int b = 0; b < blocks; b++) {
      float scale = (float) (0.02 + 0.01 * random.nextDouble());
      switch (type) {
        case F32 -> values.putFloat(1 + scale);
        case F16 -> values.putShort(Float.floatToFloat16((float) (0.1 * random.nextGaussian())));
        default -> {
          random.nextBytes(codes);
          values.putShort(Float.floatToFloat16(scale)).put(codes);
        }
      }
    }
    return values.array();
  }

  private static void pair(ByteBuffer out, String key, Object value) {
    text(out, key);
    switch (value) {
      case Integer i -> out.putInt(4).putInt(i);
      case Float f -> out.putInt(6).putFloat(f);
      default -> text(out.putInt(8), value.toString());
    }
  }

  private static void text(ByteBuffer out, String text) {
    byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
    out.putLong(utf8.length).put(utf8);
  }
}
