package llmengine.quant.ptq;

import static org.assertj.core.api.Assertions.assertThatCode;

import com.code_intelligence.jazzer.junit.FuzzTest;
import org.junit.jupiter.api.Tag;

/**
 * Searches for quantized layers that {@link QuantizedTarget} can't stand; docs/tests.md says how.
 * What it found lies in {@code QuantizedFuzzTestInputs}, and {@link DamagedLayerTest} tries it
 * again.
 */
@Tag("fuzz")
class QuantizedFuzzTest {
  @FuzzTest(maxDuration = "5m")
  void layer(byte[] bytes) {
    try (QuantizedTarget target = new QuantizedTarget()) {
      assertThatCode(() -> target.run(bytes)).doesNotThrowAnyException();
    }
  }
}
