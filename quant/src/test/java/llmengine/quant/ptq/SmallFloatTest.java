package llmengine.quant.ptq;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class SmallFloatTest {
  @ParameterizedTest
  @EnumSource
  void everyCodeHasTheReferenceValue(SmallFloat kind) {
    try (Golden golden = Golden.open("fp8_mx_tables")) {
      float[] expected = golden.floats(kind.name().toLowerCase(Locale.ROOT));
      assertThat(kind.table()).hasSameSizeAs(expected);
      for (int code = 0; code < expected.length; code++) {
        assertThat(Float.floatToIntBits(kind.value(code)))
            .as("code %d", code)
            .isEqualTo(Float.floatToIntBits(expected[code]));
      }
    }
  }

  @Test
  void valuesEncodeAsTheReference() {
    try (Golden golden = Golden.open("fp8_mx_tables")) {
      float[] input = golden.floats("encode_input");
      byte[] e4m3 = golden.bytes("encode_e4m3fn");
      byte[] e5m2 = golden.bytes("encode_e5m2");
      for (int i = 0; i < input.length; i++) {
        assertThat((byte) SmallFloat.E4M3FN.encode(input[i])).as("%s", input[i]).isEqualTo(e4m3[i]);
        assertThat((byte) SmallFloat.E5M2.encode(input[i])).as("%s", input[i]).isEqualTo(e5m2[i]);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"E4M3FN", "E5M2", "E2M1"})
  void everyValueEncodesToItself(SmallFloat kind) {
    float[] table = kind.table();
    for (int code = 0; code < table.length; code++) {
      if (!Float.isNaN(table[code])) {
        assertThat(kind.encode(table[code])).isEqualTo(code);
      }
    }
    assertThat(kind.encode(1.03f)).isEqualTo(kind.encode(1));
  }

  @Test
  void formatsThatAreOnlyReadSayNo() {
    assertThatThrownBy(() -> SmallFloat.E8M0.encode(1))
        .isInstanceOf(UnsupportedOperationException.class);
  }
}
