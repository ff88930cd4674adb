package llmengine.quant.encode;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import llmengine.engine.file.GgufFile;
import llmengine.engine.file.GgufTensor;
import llmengine.engine.file.GgufType;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Blocks written here against those of llama-quantize --pure. {@code
 * -Dengine.llama.source=model.gguf} compares a whole F32 model instead of a small random one,
 * {@code -Dengine.llama.types=Q4_K_S,Q6_K} some types only.
 */
class LlamaQuantizeTest {
  private static final GgufMix.Model MODEL = new GgufMix.Model("llama", 1, 4, 4, 0, true);

  private static final String TYPES =
      "F16,BF16,Q8_0,Q4_0,Q4_1,Q5_0,Q5_1,Q2_K,Q3_K_S,Q4_K_S,Q5_K_S,Q6_K,IQ4_NL,IQ4_XS,TQ1_0,TQ2_0";

  @TempDir Path folder;

  static Stream<String> types() {
    return Stream.of(System.getProperty("engine.llama.types", TYPES).split(","));
  }

  @ParameterizedTest
  @MethodSource("types")
  void blocksEqualThoseOfLlamaQuantize(String name) throws IOException {
    LlamaQuantize.program();
    String given = System.getProperty("engine.llama.source");
    Path source = given == null ? folder.resolve("source.gguf") : Path.of(given);
    if (given == null) {
      TinyGguf.write(source, MODEL, List.of(weights(), odd()));
    }
    Path target = folder.resolve("target.gguf");
    LlamaQuantize.run(source, target, name, "--pure");
    long blocks = 0;
    long equal = 0;
    try (GgufFile before = GgufFile.open(source);
        GgufFile after = GgufFile.open(target)) {
      for (GgufTensor tensor : after.tensors().values()) {
        GgufTensor original = before.tensor(tensor.name());
        String type = tensor.type().name();
        assertThat(type)
            .isEqualTo(GgufMix.named(name).pureTypeOf(tensor.name(), tensor.shape()).name());
        int size = tensor.type().blockBytes();
        int count = (int) (tensor.count() / tensor.type().blockValues());
        if (tensor.type() == GgufType.F32) {
          continue; // norms
        }
        float[] values = new float[(int) tensor.count()];
        before.decode(original, 0, values, values.length);
        byte[] encoded = new byte[count * size];
        BlockEncoders.named(type).orElseThrow().encode(values, 0, encoded, 0, count);
        byte[] expected = tensor.data().toArray(ValueLayout.JAVA_BYTE);
        for (int b = 0; b < count; b++) {
          int end = (b + 1) * size;
          equal += Arrays.equals(encoded, b * size, end, expected, b * size, end) ? 1 : 0;
        }
        blocks += count;
      }
    }
    System.out.printf("%s: %,d of %,d blocks equal llama-quantize's%n", name, equal, blocks);
    boolean exact = List.of("F16", "BF16", "Q8_0").contains(name);
    assertThat(equal).isGreaterThanOrEqualTo(exact ? blocks : (long) Math.ceil(0.9999 * blocks));
  }

  /** Rows of normal values of many sizes, some with outliers, a zero and a constant one. */
  private static TinyGguf.Tensor weights() {
    int rows = 256;
    int cols = 1024;
    Random random = new Random(1);
    float[] values = new float[rows * cols];
    for (int r = 2; r < rows; r++) {
      float scale = (float) Math.exp(3 * random.nextGaussian() - 4);
      double tail = random.nextInt(4) == 0 ? 3 : 1;
      for (int c = 0; c < cols; c++) {
        double v = random.nextGaussian();
        values[r * cols + c] = scale * (float) (v * Math.pow(Math.abs(v), tail - 1));
      }
    }
    Arrays.fill(values, cols, 2 * cols, -0.3f);
    return new TinyGguf.Tensor("blk.0.ffn_up.weight", new long[] {rows, cols}, values);
  }

  /** Rows that are not whole blocks of 256. */
  private static TinyGguf.Tensor odd() {
    float[] values = new float[40 * 288];
    Random random = new Random(2);
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return new TinyGguf.Tensor("blk.0.attn_q.weight", new long[] {40, 288}, values);
  }
}
