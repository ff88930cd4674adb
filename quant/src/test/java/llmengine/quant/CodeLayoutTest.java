package llmengine.quant;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Random;
import java.util.stream.Stream;
import llmengine.engine.BlockFormat;
import llmengine.engine.BlockFormats;
import llmengine.engine.BlockMatrix;
import llmengine.engine.Buffer;
import llmengine.engine.CodeLayout;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.engine.cpu.VectorBackend;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The layout that a format declares for products of codes says what its decoder says. */
class CodeLayoutTest {
  private static final int ROWS = 6;

  static Stream<String> formats() {
    return BlockFormatTest.formats().filter(name -> format(name).layout().isPresent());
  }

  private static BlockFormat format(String name) {
    return BlockFormats.named(name).orElseThrow();
  }

  @Test
  void theFormatsOfCommonFilesHaveLayouts() {
    assertThat(formats())
        .containsExactlyInAnyOrder("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K");
  }

  /** One value of x at a time is 127, which 8 bits hold exactly, with the scale 1. */
  @ParameterizedTest
  @MethodSource("formats")
  void everyValueIsWhatTheDecoderMakesOfIt(String name) {
    try (VectorBackend backend = new VectorBackend();
        Scope scope = new Scope(backend, "test")) {
      backend.eightBitActivations(true);
      int k = 512;
      float[] decoded = new float[ROWS * k];
      Tensor w = matrix(scope, format(name), k, decoded);
      float[] x = new float[k * k];
      for (int i = 0; i < k; i++) {
        x[i * k + i] = 127;
      }
      Tensor y = scope.empty(DType.F32, k, ROWS);
      backend.matmulRows(scope.of(x, k, k), w, 1f / 127, y, false);
      float[] got = y.toFloats();
      for (int r = 0; r < ROWS; r++) {
        float most = most(decoded, r * k, k);
        for (int c = 0; c < k; c++) {
          float want = decoded[r * k + c];
          assertThat(Math.abs(got[c * ROWS + r] - want))
              .as("row %d, column %d: %s, got %s", r, c, want, got[c * ROWS + r])
              .isLessThanOrEqualTo(2e-6f * most);
        }
      }
    }
  }

  /** Against the decoded matrix times the rounded x, in double. */
  @ParameterizedTest
  @MethodSource("formats")
  void productsRoundXAndNothingElse(String name) {
    try (VectorBackend backend = new VectorBackend();
        Scope scope = new Scope(backend, "test")) {
      backend.eightBitActivations(true);
      int k = 1024;
      float[] decoded = new float[ROWS * k];
      Tensor w = matrix(scope, format(name), k, decoded);
      Random random = new Random(3);
      float[] x = new float[k];
      for (int i = 0; i < k; i++) {
        x[i] = (float) random.nextGaussian();
      }
      Tensor y = scope.empty(DType.F32, 1, ROWS);
      backend.matmulRows(scope.of(x, 1, k), w, 1, y, false);
      boolean rounds = false;
      for (int r = 0; r < ROWS; r++) {
        double rounded = 0;
        double exact = 0;
        double size = 0;
        for (int b = 0; b < k; b += 32) {
          float max = 0;
          for (int i = b; i < b + 32; i++) {
            max = Math.max(max, Math.abs(x[i]));
          }
          for (int i = b; i < b + 32; i++) {
            double code = Math.rint(x[i] * (127 / max));
            double product = decoded[r * k + i] * code * (max / 127);
            rounded += product;
            exact += (double) decoded[r * k + i] * x[i];
            size += Math.abs(product);
          }
        }
        float got = y.toFloats()[r];
        assertThat(Math.abs(got - rounded)).as("row %d", r).isLessThan(1e-5 * size);
        rounds |= Math.abs(got - exact) > 1e-4 * size;
      }
      assertThat(rounds).as("x in 8 bits, not as it is").isTrue();
    }
  }

  private static float most(float[] values, int at, int count) {
    float most = 0;
    for (int i = at; i < at + count; i++) {
      most = Math.max(most, Math.abs(values[i]));
    }
    return most;
  }

  /** Random bytes with scales that are numbers, and what the decoder makes of them. */
  private static Tensor matrix(Scope scope, BlockFormat format, int k, float[] decoded) {
    int blocks = ROWS * k / format.blockValues();
    byte[] bytes = new byte[blocks * format.blockBytes()];
    Random random = new Random(7);
    random.nextBytes(bytes);
    ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    for (int b = 0; b < blocks; b++) {
      for (int at : halves(format.layout().orElseThrow())) {
        buffer.putShort(
            b * format.blockBytes() + at, Float.floatToFloat16((random.nextFloat() - 0.3f) / 20));
      }
    }
    format.decode(MemorySegment.ofArray(bytes), 0, decoded, 0, blocks);
    Tensor stored = scope.empty(DType.U8, ROWS, bytes.length / ROWS);
    MemorySegment memory = ((Buffer.Host) stored.buffer()).segment();
    MemorySegment.copy(MemorySegment.ofArray(bytes), 0, memory, stored.offset(), bytes.length);
    return scope.pack(new BlockMatrix(format, stored, k));
  }

  private static int[] halves(CodeLayout layout) {
    return switch (layout) {
      case CodeLayout.Bytes l -> new int[] {l.scaleAt()};
      case CodeLayout.Nibbles l ->
          l.minimumAt() < 0 ? new int[] {l.scaleAt()} : new int[] {l.scaleAt(), l.minimumAt()};
      case CodeLayout.SuperNibbles l -> new int[] {l.scaleAt(), l.minimumAt()};
      case CodeLayout.SixBits l -> new int[] {l.scaleAt()};
    };
  }
}
