// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
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

/** The contract on the CPU backend, and one result whatever the vector width and thread count. */
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
    int threads = 1;
    int natural = FloatVector.SPECIES_PREFERRED.vectorBitSize();
    Map<String, Long> own = OpContract.digests(new VectorBackend(new Team(2)), false);
    for (int bits : new int[] {128, 256, 512}) {
      boolean emulated = bits > natural;
      Map<String, Long> expected =
          emulated ? OpContract.digests(new VectorBackend(new Team(2)), true) : own;
      assertThat(
              OpDigest.forked(
                  VectorBackend.class,
                  emulated,
                  directory,
                  "-Dengine.vectorBits=" + bits,
                  "-Dengine.threads=" + threads))
          .as("vectors of %d bits, %d threads", bits, threads)
          .isEqualTo(expected);
      threads += 2;
    }
  }
}
