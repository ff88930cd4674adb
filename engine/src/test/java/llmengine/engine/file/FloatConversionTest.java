package llmengine.engine.file;

import static llmengine.engine.file.SafetensorsType.BF16;
import static llmengine.engine.file.SafetensorsType.F16;
import static llmengine.engine.file.SafetensorsType.F32;
import static llmengine.engine.file.SafetensorsType.F64;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.util.Random;
import llmengine.engine.FormatException;
import org.junit.jupiter.api.Test;

class FloatConversionTest {
  private static short[] toShorts(SafetensorsType to, float... values) {
    short[] out = new short[values.length];
    FloatConversion.between(F32, to)
        .convert(MemorySegment.ofArray(values), MemorySegment.ofArray(out), values.length);
    return out;
  }

  @Test
  void everySixteenBitValueSurvivesFloat32() {
    short[] all = new short[1 << 16];
    for (int i = 0; i < all.length; i++) {
      all[i] = (short) i;
    }
    for (SafetensorsType type : new SafetensorsType[] {F16, BF16}) {
      float[] wide = new float[all.length];
      FloatConversion.between(type, F32)
          .convert(MemorySegment.ofArray(all), MemorySegment.ofArray(wide), all.length);
      short[] back = toShorts(type, wide);
      for (int i = 0; i < all.length; i++) {
        assertThat(Float.isNaN(wide[i]) || back[i] == all[i]).as("%s %x", type, i).isTrue();
      }
    }
  }

  @Test
  void roundsToNearestEvenAndKeepsNonFinite() {
    assertThat(toShorts(BF16, 1f + 1f / 256, 1f + 3f / 256, Float.MAX_VALUE))
        .containsExactly(0x3f80, 0x3f82, 0x7f80);
    assertThat(toShorts(F16, 65_519f, 65_520f, Float.NEGATIVE_INFINITY))
        .containsExactly((short) 0x7bff, (short) 0x7c00, (short) 0xfc00);
    assertThat(Float.float16ToFloat(toShorts(F16, Float.NaN)[0])).isNaN();
  }

  @Test
  void readsDoublesOfAnyCount() {
    for (int n : new int[] {0, 1, 4095, 4096, 4097, 10_000}) {
      double[] source = new Random(n).doubles(n).toArray();
      float[] out = new float[n];
      FloatConversion.between(F64, F32)
          .convert(MemorySegment.ofArray(source), MemorySegment.ofArray(out), n);
      for (int i = 0; i < n; i++) {
        assertThat(out[i]).isEqualTo((float) source[i]);
      }
    }
  }

  @Test
  void refusesOtherTypes() {
    assertThatThrownBy(() -> FloatConversion.between(SafetensorsType.I8, F32))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining("got I8 to F32");
    assertThatThrownBy(() -> FloatConversion.between(F32, F64)).isInstanceOf(FormatException.class);
    assertThatThrownBy(() -> FloatConversion.between(F32, SafetensorsType.U8))
        .isInstanceOf(FormatException.class);
  }
}
