// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu.x86;

import java.util.Set;
import java.util.TreeSet;

/** What kernels may use, by the flags that Linux names in /proc/cpuinfo; best first. */
public enum Isa {
  /** 512-bit vectors, dot products of bytes. */
  AVX512_VNNI(512, Set.of("avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_vnni")),
  /** 256-bit vectors, dot products of bytes. */
  AVX_VNNI(256, Set.of("avx2", "fma", "f16c", "avx_vnni")),
  /** 256-bit vectors; sums of products of bytes in 16 bits. */
  AVX2(256, Set.of("avx2", "fma", "f16c"));

  final int bits;
  private final Set<String> flags;

  Isa(int bits, Set<String> flags) {
    this.bits = bits;
    this.flags = flags;
  }

  /** Whether a processor with these flags has it. */
  public boolean isIn(Set<String> processorFlags) {
    return processorFlags.containsAll(flags);
  }

  /** The flags that such a processor lacks. */
  Set<String> missingIn(Set<String> processorFlags) {
    Set<String> missing = new TreeSet<>(flags);
    missing.removeAll(processorFlags);
    return missing;
  }

  /** Whether it has an instruction for dot products of bytes. */
  boolean dots() {
    return this != AVX2;
  }
}
