// SPDX-License-Identifier: Apache-2.0
package llmengine.engine;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class FloatsTest {
  @Test
  void everyBf16SurvivesARoundTrip() {
    for (int bits = 0; bits < 1 << 16; bits++) {
      float value = Floats.fromBf16((short) bits);
      if (Float.isNaN(value)) {
        assertThat(Floats.fromBf16(Floats.toBf16(value))).isNaN();
      } else if (Floats.toBf16(value) != (short) bits) {
        throw new AssertionError("bits " + Integer.toHexString(bits) + " of " + value);
      }
    }
  }

  @Test
  void roundsToTheNearestAndTiesToEven() {
    assertThat(Floats.fromBf16(Floats.toBf16(1 + 0x1p-8f))).isEqualTo(1);
    assertThat(Floats.fromBf16(Floats.toBf16(1 + 0x1.01p-8f))).isEqualTo(1 + 0x1p-7f);
    assertThat(Floats.fromBf16(Floats.toBf16(1 + 3 * 0x1p-8f))).isEqualTo(1 + 0x1p-6f);
    assertThat(Floats.fromBf16(Floats.toBf16(-0f))).isEqualTo(-0f);
  }

  @Test
  void nanStaysNanAndTheLargestBecomesInfinite() {
    assertThat(Floats.fromBf16(Floats.toBf16(Float.NaN))).isNaN();
    assertThat(Floats.fromBf16(Floats.toBf16(Float.intBitsToFloat(0x7F800001)))).isNaN();
    assertThat(Floats.fromBf16(Floats.toBf16(Float.intBitsToFloat(0xFFFFFFFF)))).isNaN();
    assertThat(Floats.fromBf16(Floats.toBf16(Float.NEGATIVE_INFINITY)))
        .isEqualTo(Float.NEGATIVE_INFINITY);
    assertThat(Floats.fromBf16(Floats.toBf16(Float.MAX_VALUE))).isEqualTo(Float.POSITIVE_INFINITY);
  }
}
