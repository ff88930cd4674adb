// SPDX-License-Identifier: Apache-2.0
package llmengine.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import llmengine.engine.cpu.ScalarBackend;
import org.junit.jupiter.api.Test;

class MemoryTest {
  private final ScalarBackend backend = new ScalarBackend();
  private final Memory memory = backend.memory();

  @Test
  void sizeClassesWasteAtMostAnEighth() {
    assertThat(Memory.sizeClass(64)).isEqualTo(64);
    assertThat(Memory.sizeClass(65)).isEqualTo(72);
    assertThat(Memory.sizeClass(1 << 20)).isEqualTo(1 << 20);
    assertThat(Memory.sizeClass((1 << 20) + 1)).isEqualTo((1 << 20) + (1 << 17));
    long previous = 0;
    for (long bytes = 64; bytes < 1L << 45; bytes += 1 + bytes / 7) {
      long size = Memory.sizeClass(bytes);
      assertThat(size).isBetween(bytes, bytes + bytes / 8 + 8).isGreaterThanOrEqualTo(previous);
      assertThat(Memory.sizeClass(size)).isEqualTo(size);
      previous = size;
    }
  }

  @Test
  void buffersAreAlignedTo64Bytes() {
    try (Scope scope = new Scope(backend, "a")) {
      for (int n = 1; n < 300; n += 13) {
        Tensor t = scope.empty(DType.BF16, n);
        assertThat(((Buffer.Host) t.buffer()).address() % 64).isZero();
      }
    }
  }

  @Test
  void releasedBuffersAreReusedAlsoForSmallerRequests() {
    Scope scope = new Scope(backend, "a");
    scope.empty(DType.F32, 1000);
    scope.close();
    long taken = memory.systemAllocations();
    try (Scope next = new Scope(backend, "b")) {
      next.empty(DType.F32, 600);
      assertThat(memory.systemAllocations()).isEqualTo(taken);
      next.empty(DType.F32, 600);
      assertThat(memory.systemAllocations()).isEqualTo(taken + 1);
    }
    try (Scope small = new Scope(backend, "c")) {
      small.empty(DType.F32, 16); // not worth a buffer of many times the size
      assertThat(memory.systemAllocations()).isEqualTo(taken + 2);
    }
  }

  @Test
  void ledgerFollowsOwnersAndPeak() {
    try (Scope a = new Scope(backend, "weights")) {
      a.empty(DType.F32, 1024);
      try (Scope b = new Scope(backend, "activations")) {
        b.empty(DType.F32, 2048);
        assertThat(memory.usedBy()).containsEntry("weights", 4096L);
        assertThat(memory.usedBy()).containsEntry("activations", 8192L);
      }
      assertThat(memory.used()).isEqualTo(4096);
      assertThat(memory.peak()).isEqualTo(12288);
      assertThat(memory.reserved()).isEqualTo(12288);
      memory.trim();
      assertThat(memory.reserved()).isEqualTo(4096);
    }
  }

  @Test
  void beyondTheLimitTheLargestOwnersAreListed() {
    memory.limit(1 << 20);
    try (Scope weights = new Scope(backend, "weights");
        Scope activations = new Scope(backend, "activations")) {
      weights.empty(DType.F32, 150_000);
      activations.empty(DType.F32, 50_000);
      assertThatThrownBy(() -> activations.empty(DType.F32, 100_000))
          .isInstanceOf(OutOfMemoryException.class)
          .hasMessageStartingWith("memory: out of memory for activations: expected at most ")
          .hasMessageContaining("Largest users: weights")
          .hasMessageMatching("(?s).*weights.*activations.*in use.*Lower per_device.*");
      long used = memory.used();
      activations.empty(DType.F32, 10_000); // a refusal leaves the ledger right
      assertThat(memory.used()).isGreaterThan(used);
    }
    assertThat(memory.used()).isZero();
  }

  @Test
  void freeBuffersAreGivenBackBeforeRefusing() {
    memory.limit(1 << 20);
    fill(800_000);
    fill(100_000); // beside the free 800 kB
    fill(900_000); // only without them
    assertThat(memory.used()).isZero();
    assertThat(memory.reserved()).isLessThanOrEqualTo(1 << 20);
  }

  private void fill(int bytes) {
    try (Scope scope = new Scope(backend, "fill")) {
      scope.zeros(DType.I8, bytes);
    }
  }

  @Test
  void refusalOfTheSystemIsAnOutOfMemoryException() {
    try (Scope scope = new Scope(backend, "huge")) {
      assertThatThrownBy(() -> scope.empty(DType.F32, Integer.MAX_VALUE, 1 << 20))
          .isInstanceOf(OutOfMemoryException.class)
          .hasMessageContaining("out of memory for huge");
    }
    assertThat(memory.used()).isZero();
  }

  @Test
  void concurrentScopesKeepTheLedgerRight() throws Exception {
    try (ExecutorService pool = Executors.newFixedThreadPool(4)) {
      List<Callable<Void>> tasks = new ArrayList<>();
      for (int task = 0; task < 4; task++) {
        int number = task;
        tasks.add(
            () -> {
              for (int i = 0; i < 300; i++) {
                try (Scope scope = new Scope(backend, "task " + number)) {
                  Tensor t = scope.empty(DType.F32, 1 + (i * 37 + number) % 500);
                  float[] values = new float[t.cols()];
                  java.util.Arrays.fill(values, number);
                  t.set(values);
                  scope.zeros(DType.F32, 64);
                  assertThat(t.toFloats()).as("no buffer has two owners").containsExactly(values);
                }
              }
              return null;
            });
      }
      for (Future<Void> done : pool.invokeAll(tasks)) {
        done.get();
      }
    }
    assertThat(memory.used()).isZero();
    assertThat(memory.usedBy()).isEmpty();
    memory.trim();
    assertThat(memory.reserved()).isZero();
  }
}
