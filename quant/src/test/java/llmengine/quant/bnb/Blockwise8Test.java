package llmengine.quant.bnb;

import static org.assertj.core.api.Assertions.assertThat;

import llmengine.engine.Scope;
import llmengine.engine.cpu.ScalarBackend;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class Blockwise8Test {
  @ParameterizedTest
  @ValueSource(
      strings = {"blockwise8_signed_256", "blockwise8_signed_4096", "blockwise8_unsigned_256"})
  void codesAndValuesAreThoseOfBitsAndBytes(String name) {
    try (Golden golden = Golden.open(name);
        ScalarBackend backend = new ScalarBackend();
        Scope scope = new Scope(backend, "test")) {
      Blockwise8 map =
          golden.json().get("signed").asBoolean() ? Blockwise8.SIGNED : Blockwise8.UNSIGNED;
      int block = golden.json().get("blocksize").asInt();
      float[] x = golden.floats(scope, "x");
      byte[] codes = new byte[x.length];
      float[] scales = new float[Math.ceilDiv(x.length, block)];
      map.encode(x, block, codes, scales);
      assertThat(codes).isEqualTo(golden.bytes("code"));
      assertThat(scales).isEqualTo(golden.floats(scope, "absmax"));
      float[] decoded = new float[x.length];
      map.decode(codes, block, scales, decoded);
      assertThat(decoded).isEqualTo(golden.floats(scope, "dequantised"));
    }
  }

  @Test
  void everyTableEntryIsItsOwnCode() {
    for (Blockwise8 map : new Blockwise8[] {Blockwise8.SIGNED, Blockwise8.UNSIGNED}) {
      float[] table = map.table();
      byte[] codes = new byte[256];
      assertThat(map.encode(table, 0, 256, 256, codes, 0)).isEqualTo(1);
      for (int i = 0; i < 256; i++) {
        assertThat(codes[i]).isEqualTo((byte) i);
        assertThat(map.value((byte) i)).isEqualTo(table[i]);
        assertThat(i == 0 || table[i] > table[i - 1]).isTrue();
      }
    }
  }

  @Test
  void aBlockOfZerosStaysZero() {
    byte[] codes = new byte[100];
    float[] scales = new float[2];
    float[] values = new float[100];
    Blockwise8.SIGNED.encode(values, 64, codes, scales);
    Blockwise8.SIGNED.decode(codes, 64, scales, values);
    assertThat(values).containsOnly(0);
  }

  @Test
  void valuesThatAreNotFiniteShowInTheScale() {
    byte[] codes = new byte[3];
    assertThat(Blockwise8.SIGNED.encode(new float[] {1, Float.NaN, 2}, 0, 3, 3, codes, 0)).isNaN();
    assertThat(
            Blockwise8.SIGNED.encode(
                new float[] {1, Float.NEGATIVE_INFINITY, 2}, 0, 3, 256, codes, 0))
        .isInfinite();
  }
}
