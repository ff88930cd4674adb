package llmengine.quant.encode;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import llmengine.engine.FormatException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class EncoderLawsTest {
  private static final int N = 16 * 256;

  /** Root of the mean squared error over that of the values, for normal values. */
  private static final Map<String, Double> ERROR =
      Map.ofEntries(
          Map.entry("F32", 0.0),
          Map.entry("F16", 0.0003),
          Map.entry("BF16", 0.002),
          Map.entry("Q8_0", 0.006),
          Map.entry("Q6_K", 0.02),
          Map.entry("Q5_K", 0.038),
          Map.entry("Q5_1", 0.041),
          Map.entry("Q5_0", 0.048),
          Map.entry("Q4_K", 0.08),
          Map.entry("IQ4_NL", 0.082),
          Map.entry("IQ4_XS", 0.082),
          Map.entry("Q4_1", 0.085),
          Map.entry("Q4_0", 0.1),
          Map.entry("MXFP4", 0.13),
          Map.entry("Q3_K", 0.16),
          Map.entry("Q2_K", 0.32),
          Map.entry("TQ1_0", 0.82),
          Map.entry("TQ2_0", 0.82));

  static Stream<String> names() {
    return BlockEncoders.names().stream();
  }

  static Stream<String> scaled() {
    return names().filter(name -> !name.matches("F32|BF16|MXFP4"));
  }

  private static BlockEncoder encoder(String name) {
    return BlockEncoders.named(name).orElseThrow();
  }

  private static byte[] encode(String name, float[] values) {
    BlockEncoder encoder = encoder(name);
    int blocks = values.length / encoder.format().blockValues();
    byte[] bytes = new byte[blocks * encoder.format().blockBytes()];
    encoder.encode(values, 0, bytes, 0, blocks);
    return bytes;
  }

  private static float[] decode(String name, byte[] bytes) {
    var format = encoder(name).format();
    int blocks = bytes.length / format.blockBytes();
    float[] values = new float[blocks * format.blockValues()];
    format.decode(MemorySegment.ofArray(bytes), 0, values, 0, blocks);
    return values;
  }

  private static float[] normal(int n, float scale, long seed) {
    Random random = new Random(seed);
    float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = scale * (float) random.nextGaussian();
    }
    return values;
  }

  @Test
  void everyFormatHasItsBound() {
    assertThat(BlockEncoders.names()).containsExactlyInAnyOrderElementsOf(ERROR.keySet());
  }

  @ParameterizedTest
  @MethodSource("names")
  void errorIsBoundedAtEveryMagnitude(String name) {
    for (float scale : new float[] {0.02f, 1, 1000}) {
      float[] values = normal(N, scale, 1);
      float[] decoded = decode(name, encode(name, values));
      double error = 0;
      double size = 0;
      for (int i = 0; i < N; i++) {
        error += Math.pow(decoded[i] - values[i], 2);
        size += values[i] * values[i];
      }
      assertThat(Math.sqrt(error / size)).as(name).isLessThanOrEqualTo(ERROR.get(name));
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "MXFP4", "TQ1_0", "TQ2_0"
      })
  void encodingWhatWasDecodedGivesTheSameBytes(String name) {
    byte[] bytes = encode(name, normal(N, 1, 2));
    assertThat(encode(name, decode(name, bytes))).isEqualTo(bytes);
  }

  @ParameterizedTest
  @MethodSource("names")
  void zerosStayZeros(String name) {
    for (float decoded : decode(name, encode(name, new float[512]))) {
      assertThat(decoded == 0).isTrue();
    }
  }

  @ParameterizedTest
  @MethodSource("names")
  void equalValuesStayNearlyEqual(String name) {
    double bound = name.equals("MXFP4") ? 0.25 : 0.01;
    for (float value : new float[] {0.7f, -0.7f, 5, -1234}) {
      float[] values = new float[512];
      Arrays.fill(values, value);
      for (float decoded : decode(name, encode(name, values))) {
        assertThat(Math.abs(decoded - value)).isLessThanOrEqualTo((float) bound * Math.abs(value));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("names")
  void tinyAndHugeValuesDecodeFinite(String name) {
    for (float scale : new float[] {Float.MIN_VALUE, 1e-38f, 1e-20f, 1e-7f, 1e4f}) {
      float[] values = normal(512, scale, 3);
      for (float decoded : decode(name, encode(name, values))) {
        assertThat(Math.abs(decoded)).isLessThanOrEqualTo(8 * scale);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("names")
  void oneLargeValueAmongTinyOnesKeepsItsSize(String name) {
    float[] values = normal(512, 1e-6f, 4);
    values[300] = 3;
    float[] decoded = decode(name, encode(name, values));
    assertThat(Math.abs(decoded[300] - 3)).isLessThan(0.03f);
  }

  @ParameterizedTest
  @MethodSource("names")
  void refusesWhatIsNotFiniteAndSaysWhere(String name) {
    for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
      float[] values = normal(512, 1, 5);
      values[333] = bad;
      assertThatThrownBy(() -> encode(name, values))
          .isInstanceOf(FormatException.class)
          .hasMessageContaining(name + ": value 333")
          .hasMessageContaining("" + bad);
    }
  }

  @ParameterizedTest
  @MethodSource("scaled")
  void refusesWhatOverflowsTheScaleAndSaysWhere(String name) {
    for (float bad : new float[] {3e9f, -3e38f, Float.MAX_VALUE}) {
      float[] values = normal(512, 1, 6);
      values[299] = bad;
      assertThatThrownBy(() -> encode(name, values))
          .isInstanceOf(FormatException.class)
          .hasMessageContaining(name + ": value 299 is too large");
    }
  }

  @Test
  void refusesWhatRoundsToInfinity() {
    for (String name : new String[] {"F16", "BF16"}) {
      float largest = name.equals("F16") ? 65504 : Float.intBitsToFloat(0x7f7f0000);
      float above = Math.nextUp(largest);
      assertThat(decode(name, encode(name, new float[] {above, -above}))[1]).isEqualTo(-largest);
      float half = name.equals("F16") ? 65520 : Float.intBitsToFloat(0x7f7f8000);
      assertThat(decode(name, encode(name, new float[] {Math.nextDown(half)}))[0])
          .isEqualTo(largest);
      assertThatThrownBy(() -> encode(name, new float[] {0, half}))
          .hasMessageContaining(name + ": value 1 is too large");
    }
  }

  @ParameterizedTest
  @MethodSource("names")
  void manyBlocksEqualOneByOneAtAnyOffsetAndFromManyThreads(String name) {
    BlockEncoder encoder = encoder(name);
    int size = encoder.format().blockValues();
    int bytes = encoder.format().blockBytes();
    int blocks = 37;
    float[] values = normal(3 + blocks * size, 1, 7);
    byte[] together = new byte[5 + blocks * bytes + 1];
    encoder.encode(values, 3, together, 5, blocks);
    byte[] single = new byte[together.length];
    IntStream.range(0, blocks)
        .parallel()
        .forEach(b -> encoder.encode(values, 3 + b * size, single, 5 + b * bytes, 1));
    assertThat(single).isEqualTo(together);
    assertThat(Arrays.copyOf(together, 5)).containsOnly(0);
    assertThat(together[together.length - 1]).isZero();
  }

  @ParameterizedTest
  @MethodSource("names")
  void refusesRangesOutsideTheArrays(String name) {
    BlockEncoder encoder = encoder(name);
    int size = encoder.format().blockValues();
    int bytes = encoder.format().blockBytes();
    byte[] dst = new byte[2 * bytes];
    float[] src = normal(2 * size, 1, 8);
    encoder.encode(src, 0, dst, 0, 0);
    for (int[] at : new int[][] {{1, 0, 2}, {0, 1, 2}, {-1, 0, 1}, {0, -1, 1}, {0, 0, 3}}) {
      assertThatThrownBy(() -> encoder.encode(src, at[0], dst, at[1], at[2]))
          .isInstanceOf(IndexOutOfBoundsException.class);
    }
    assertThat(dst).containsOnly(0);
  }
}
