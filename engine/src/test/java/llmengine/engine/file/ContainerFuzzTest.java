package llmengine.engine.file;

import static org.assertj.core.api.Assertions.assertThatCode;

import com.code_intelligence.jazzer.junit.FuzzTest;
import org.junit.jupiter.api.Tag;

/**
 * Searches for bytes that {@link ContainerTarget} can't stand; docs/tests.md says how. What it
 * found lies in {@code ContainerFuzzTestInputs}, and {@link DamagedContainerTest} tries it again.
 */
@Tag("fuzz")
class ContainerFuzzTest {
  @FuzzTest(maxDuration = "5m")
  void safetensors(byte[] bytes) {
    assertThatCode(() -> ContainerTarget.SAFETENSORS.run(bytes)).doesNotThrowAnyException();
  }

  @FuzzTest(maxDuration = "5m")
  void gguf(byte[] bytes) {
    assertThatCode(() -> ContainerTarget.GGUF.run(bytes)).doesNotThrowAnyException();
  }
}
