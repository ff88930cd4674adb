package llmengine.quant.ptq;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import llmengine.engine.FormatException;
import llmengine.engine.Packing;
import llmengine.engine.Scope;
import llmengine.engine.cpu.ScalarBackend;
import llmengine.engine.file.Checkpoint;
import llmengine.engine.file.SafetensorsType;
import llmengine.engine.file.SafetensorsWriter;
import llmengine.engine.file.TensorSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** FP8, MXFP4 and AQLM. */
class FloatFormatsTest {
  @TempDir Path folder;

  private static String fp8(int block) {
    return "{\"quant_method\": \"fp8\", \"weight_block_size\": [%d, %d]}".formatted(block, block);
  }

  private static List<TensorSource> fp8(byte[] codes, int n, int k, float[] scales, long... grid) {
    return List.of(
        Layers.bytes("x.weight", SafetensorsType.F8_E4M3, codes, n, k),
        Layers.floats("x.weight_scale_inv", scales, grid));
  }

  @ParameterizedTest
  @ValueSource(strings = {"fp8_block16", "fp8_block16_ragged"})
  void fp8BlocksDecodeAsTheReference(String name) {
    try (Golden golden = Golden.open(name)) {
      int n = golden.rows("weight_bytes");
      int k = golden.cols("weight_bytes");
      List<TensorSource> tensors =
          fp8(
              golden.bytes("weight_bytes"),
              n,
              k,
              golden.floats("weight_scale_inv"),
              golden.rows("weight_scale_inv"),
              golden.cols("weight_scale_inv"));
      assertThat(Layers.load(folder, fp8(16), tensors, n, k))
          .isEqualTo(golden.floats("dequantised"));
    }
  }

  @Test
  void everyFp8CodeDecodesInEveryLane() {
    byte[] codes = new byte[3 * 257];
    for (int i = 0; i < codes.length; i++) {
      codes[i] = (byte) (i % 256 % 128 == 127 ? 0 : i);
    }
    String whole = "{\"quant_method\": \"fp8\", \"weight_block_size\": null}";
    List<TensorSource> tensors = fp8(codes, 3, 257, new float[] {0.75f});
    float[] got = Layers.load(folder, whole, tensors, 3, 257);
    for (int i = 0; i < got.length; i++) {
      assertThat(got[i]).isEqualTo(SmallFloat.E4M3FN.value(codes[i]) * 0.75f);
    }
  }

  @Test
  void damagedFp8LayersAreRefused() {
    byte[] codes = new byte[32 * 32];
    float[] ones = {1, 1, 1, 1};
    refused(fp8(16), fp8(codes, 32, 32, new float[] {1, 0, 1, 1}, 2, 2), "weight_scale_inv");
    refused(fp8(16), fp8(codes, 32, 32, new float[] {1, 1, Float.NaN, 1}, 2, 2), "NaN");
    refused(fp8(16), fp8(codes, 32, 32, ones, 4, 1), "[2, 2]");
    refused(fp8(16), fp8(codes, 32, 32, ones, 2, 2).subList(0, 1), "weight_scale_inv");
    refused(fp8(16), fp8(codes, 64, 16, ones, 2, 2), "[32, 32]");
    refused(
        fp8(16),
        List.of(Layers.bytes("x.weight", SafetensorsType.F8_E5M2, codes, 32, 32)),
        "F8_E4M3");
    assertThatThrownBy(() -> Layers.quantization(fp8(0)))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining("weight_block_size");
    assertThatThrownBy(() -> Layers.quantization("{\"quant_method\":\"fp8\",\"fmt\":\"e5m2\"}"))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining("fmt");
  }

  private void refused(String config, List<TensorSource> tensors, String... words) {
    assertThatThrownBy(() -> Layers.load(folder, config, tensors, 32, 32))
        .satisfies(
            e ->
                assertThat(e)
                    .isInstanceOf(FormatException.class)
                    .hasMessageContaining(": x.")
                    .hasMessageContainingAll(words));
  }

  @Test
  void expertsOfGptOssDecodeAsTheReference() {
    try (Golden golden = Golden.open("mxfp4_gpt_oss")) {
      long[] shape = golden.file().tensor("blocks").shape();
      int experts = (int) shape[0];
      int n = (int) shape[1];
      int k = (int) shape[2] * 32;
      Path file = folder.resolve("model.safetensors");
      new SafetensorsWriter()
          .write(
              file,
              List.of(
                  Layers.bytes("x_blocks", SafetensorsType.U8, golden.bytes("blocks"), shape),
                  Layers.bytes(
                      "x_scales",
                      SafetensorsType.U8,
                      golden.bytes("scales"),
                      shape[0],
                      shape[1],
                      shape[2])),
              Map.of());
      float[] expected = golden.floats("dequantised"); // (experts, K, N)
      try (ScalarBackend backend = new ScalarBackend();
          Checkpoint checkpoint = Checkpoint.open(file);
          Scope scope = new Scope(backend, "test")) {
        for (int e = 0; e < experts; e++) {
          Packing packing =
              Mxfp4Checkpoint.expert(scope, checkpoint, "x", e, experts, n, k).packing();
          Layers.panelsEqualTheWhole(packing);
          float[] got = Layers.whole(packing);
          for (int i = 0; i < got.length; i++) {
            int at = e * n * k + i % k * n + i / k;
            assertThat(got[i]).isEqualTo(expected[at]);
          }
        }
      }
    }
  }

  private static List<TensorSource> mxfp4(byte[] blocks, byte[] scales, int n, int k) {
    return List.of(
        Layers.bytes("x.weight_blocks", SafetensorsType.U8, blocks, n, k / 32, 16),
        Layers.bytes("x.weight_scales", SafetensorsType.U8, scales, n, k / 32));
  }

  @Test
  void mxfp4LayersLoadAndAreChecked() {
    String config = "{\"quant_method\": \"mxfp4\"}";
    int n = 3;
    int k = 4224; // more than one piece
    byte[] blocks = new byte[n * k / 2];
    byte[] scales = new byte[n * k / 32];
    new Random(3).nextBytes(blocks);
    for (int i = 0; i < scales.length; i++) {
      scales[i] = (byte) (110 + i % 30);
    }
    float[] got = Layers.load(folder, config, mxfp4(blocks, scales, n, k), n, k);
    for (int i = 0; i < got.length; i++) {
      int code = i % 2 == 0 ? blocks[i / 2] & 15 : blocks[i / 2] >> 4 & 15;
      float expected = SmallFloat.E2M1.value(code) * SmallFloat.E8M0.value(scales[i / 32]);
      assertThat(got[i]).isEqualTo(expected);
    }
    byte[] nan = new byte[32];
    nan[9] = -1;
    refused(config, mxfp4(new byte[512], nan, 32, 32), "255", "at 9");
    refused(config, mxfp4(new byte[256], new byte[16], 16, 32), "[32, 1, 16]");
    refused(config, mxfp4(new byte[512], nan, 32, 32).subList(0, 1), "x.weight_scales");
  }

  private static String aqlm(int bits, int codebooks, int out, int in) {
    return """
    {"quant_method": "aqlm", "nbits_per_codebook": %d, "num_codebooks": %d,
     "out_group_size": %d, "in_group_size": %d}\
    """
        .formatted(bits, codebooks, out, in);
  }

  @ParameterizedTest
  @ValueSource(strings = {"aqlm_1x9", "aqlm_2x8"})
  void aqlmDecodesAsTheReference(String name) {
    try (Golden golden = Golden.open(name)) {
      int bits = golden.json().get("nbits_per_codebook").asInt();
      int codebooks = golden.json().get("num_codebooks").asInt();
      SafetensorsType type = bits > 8 ? SafetensorsType.I16 : SafetensorsType.I8;
      List<TensorSource> tensors =
          List.of(
              Layers.bytes(
                  "x.codes", type, golden.bytes("codes"), golden.file().tensor("codes").shape()),
              Layers.floats(
                  "x.codebooks",
                  golden.floats("codebooks"),
                  golden.file().tensor("codebooks").shape()),
              Layers.floats("x.scales", golden.floats("scales"), 12, 1, 1, 1));
      float[] got = Layers.load(folder, aqlm(bits, codebooks, 1, 8), tensors, 12, 32);
      float[] expected = golden.floats("weight");
      for (int i = 0; i < got.length; i++) {
        assertThat(got[i]).isCloseTo(expected[i], within(1e-6f));
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"2, F16", "4, BF16", "1, F32"})
  void aqlmBlocksMayHaveSeveralOutputs(int out, SafetensorsType type) {
    int n = 8;
    int k = 24;
    Random random = new Random(9);
    byte[] codes = new byte[n / out * (k / 4) * 3];
    random.nextBytes(codes);
    float[] entries = new float[3 * 256 * out * 4];
    for (int i = 0; i < entries.length; i++) {
      entries[i] = random.nextInt(-64, 64) / 32f; // exact in 16 bits
    }
    float[] scales = new float[n / out];
    Arrays.fill(scales, 0.5f);
    long[] shape = {3, 256, out, 4};
    TensorSource books =
        switch (type) {
          case F16 -> StoredParts.halves("x.codebooks", entries, shape);
          case F32 -> Layers.floats("x.codebooks", entries, shape);
          default -> {
            byte[] bytes = new byte[2 * entries.length];
            for (int i = 0; i < entries.length; i++) {
              int bits = Float.floatToRawIntBits(entries[i]) >>> 16;
              bytes[2 * i] = (byte) bits;
              bytes[2 * i + 1] = (byte) (bits >> 8);
            }
            yield Layers.bytes("x.codebooks", SafetensorsType.BF16, bytes, shape);
          }
        };
    List<TensorSource> tensors =
        List.of(
            Layers.bytes("x.codes", SafetensorsType.I8, codes, n / out, k / 4, 3),
            books,
            Layers.floats("x.scales", scales, n / out));
    float[] got = Layers.load(folder, aqlm(8, 3, out, 4), tensors, n, k);
    for (int i = 0; i < got.length; i++) {
      int row = i / k;
      int col = i % k;
      float sum = 0;
      for (int b = 0; b < 3; b++) {
        int code = codes[(row / out * (k / 4) + col / 4) * 3 + b] & 0xff;
        sum += entries[((b * 256 + code) * out + row % out) * 4 + col % 4];
      }
      assertThat(got[i]).isEqualTo(sum * 0.5f);
    }
  }

  @Test
  void damagedAqlmLayersAreRefused() {
    TensorSource codes = Layers.bytes("x.codes", SafetensorsType.I8, new byte[128], 32, 4, 1);
    TensorSource books = Layers.floats("x.codebooks", new float[2048], 1, 256, 1, 8);
    float[] ones = new float[32];
    Arrays.fill(ones, 1);
    TensorSource scales = Layers.floats("x.scales", ones, 32, 1, 1, 1);
    String config = aqlm(8, 1, 1, 8);
    assertThat(Layers.load(folder, config, List.of(codes, books, scales), 32, 32)).hasSize(1024);
    refused(config, List.of(codes, scales), "x.codebooks", "none");
    refused(config, List.of(codes, books), "x.scales");
    refused(aqlm(9, 1, 1, 8), List.of(codes, books, scales), "x.codes", "I16");
    refused(aqlm(7, 1, 1, 8), List.of(codes, books, scales), "[1, 128, 1, 8]");
    refused(aqlm(8, 2, 1, 8), List.of(codes, books, scales), "[32, 4, 2]");
    refused(aqlm(8, 1, 3, 8), List.of(codes, books, scales), "whole blocks of 3");
    assertThatThrownBy(() -> Layers.quantization(aqlm(33, 1, 1, 8)))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining("nbits_per_codebook");
  }
}
