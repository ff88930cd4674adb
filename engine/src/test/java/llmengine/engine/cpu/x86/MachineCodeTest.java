// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu.x86;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Set;
import llmengine.engine.DeviceException;
import org.junit.jupiter.api.Test;

/** What is chosen, and when a choice is an error. */
class MachineCodeTest {
  private static final String LINUX = "Linux amd64";
  private static final Set<String> AVX2 = Set.of("sse2", "avx2", "fma", "f16c");
  private static final Set<String> BOTH = Set.of("avx2", "fma", "f16c", "avx_vnni");

  private static void works() {}

  private static void refused() {
    throw new DeviceException("machine code: this system forbids executable memory.");
  }

  private static MachineCode.Support detect(String wanted, Set<String> flags) {
    return MachineCode.detect(wanted, LINUX, flags, MachineCodeTest::works);
  }

  @Test
  void autoTakesTheBestAndNamesTakeLess() {
    assertThat(detect("auto", BOTH).isa()).contains(Isa.AVX_VNNI);
    assertThat(detect("auto", AVX2).isa()).contains(Isa.AVX2);
    assertThat(detect("AVX2", BOTH).isa()).contains(Isa.AVX2);
    assertThat(detect("off", BOTH).isa()).isEmpty();
  }

  @Test
  void withAutoThePortablePathSaysWhy() {
    MachineCode.Support lacking = detect("auto", Set.of("sse2", "fma"));
    assertThat(lacking.isa()).isEmpty();
    assertThat(lacking.text()).contains("lacks avx2, f16c");
    MachineCode.Support forbidden =
        MachineCode.detect("auto", LINUX, AVX2, MachineCodeTest::refused);
    assertThat(forbidden.isa()).isEmpty();
    assertThat(forbidden.text()).contains("portable", "forbids executable memory");
    MachineCode.Support elsewhere =
        MachineCode.detect("auto", "Mac OS X aarch64", AVX2, MachineCodeTest::works);
    assertThat(elsewhere.isa()).isEmpty();
    assertThat(elsewhere.text()).contains("Mac OS X aarch64");
  }

  @Test
  void whatIsAskedForByNameAndCannotBeHadIsAnError() {
    assertThatThrownBy(() -> detect("avx_vnni", AVX2))
        .isInstanceOf(DeviceException.class)
        .hasMessageContaining("engine.machineCode: avx_vnni")
        .hasMessageContaining("lacks avx_vnni");
    assertThatThrownBy(() -> MachineCode.detect("avx2", LINUX, AVX2, MachineCodeTest::refused))
        .isInstanceOf(DeviceException.class)
        .hasMessageContaining("forbids executable memory");
    assertThatThrownBy(
            () -> MachineCode.detect("avx2", "Linux aarch64", AVX2, MachineCodeTest::works))
        .isInstanceOf(DeviceException.class)
        .hasMessageContaining("Linux aarch64");
  }

  @Test
  void anUnknownNameIsAnErrorWhateverTheMachine() {
    assertThatThrownBy(() -> detect("avx3", Set.of()))
        .isInstanceOf(DeviceException.class)
        .hasMessageContaining("got avx3");
  }
}
