// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import jdk.incubator.vector.FloatVector;
import llmengine.engine.OpContract;
import llmengine.engine.OpDigest;
import llmengine.engine.OpLaws;
import org.junit.jupiter.api.DynamicNode;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/**
 * The contract on the CPU backend, and one result whatever the vector width and thread count, with
 * machine code and without.
 */
class VectorBackendTest {
  @TempDir Path directory;

  @TestFactory
  Stream<DynamicNode> everyOpMatchesTheReference() {
    return OpContract.against(new VectorBackend());
  }

  @TestFactory
  Stream<DynamicNode> laws() {
    return OpLaws.of(new VectorBackend());
  }

  @Test
  void threadsAndVectorWidthDoNotChangeABit() {
    int natural = FloatVector.SPECIES_PREFERRED.vectorBitSize();
    Map<String, Long> narrow = digests(false, 128, 1, "-Dengine.machineCode=off");
    assertThat(digests(natural < 256, 256, 3)).satisfies(wide -> sameBits(wide, narrow));
    assertThat(digests(natural < 512, 512, 2)).satisfies(wide -> sameBits(wide, narrow));
  }

  private Map<String, Long> digests(boolean emulated, int bits, int threads, String... properties) {
    List<String> all = new ArrayList<>(List.of(properties));
    all.add("-Dengine.vectorBits=" + bits);
    all.add("-Dengine.threads=" + threads);
    return OpDigest.forked(VectorBackend.class, emulated, directory, all.toArray(String[]::new));
  }

  private static void sameBits(Map<String, Long> some, Map<String, Long> all) {
    assertThat(some).isNotEmpty();
    assertThat(all).containsAllEntriesOf(some);
  }
}
