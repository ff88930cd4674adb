// SPDX-License-Identifier: Apache-2.0
package llmengine.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
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
  void buffersAreAlignedTo64Bytes() {
    try (Scope scope = new Scope(backend, "a")) {
      for (int n = 1; n < 300; n += 13) {
        Tensor t = scope.empty(DType.BF16, n);
        assertThat(((Buffer.Host) t.buffer()).address() % 64).isZero();
      }
    }
  }

  @Test
  void releasedMemoryIsCutAndJoinedForOtherSizes() {
    fill(32_000);
    Scope scope = new Scope(backend, "a");
    Tensor left = scope.empty(DType.F32, 4000);
    Tensor right = scope.empty(DType.F32, 4000);
    long taken = memory.systemAllocations();
    scope.release(left);
    Tensor first = scope.empty(DType.F32, 1600);
    Tensor second = scope.empty(DType.F32, 2400);
    assertThat(memory.systemAllocations()).isEqualTo(taken);
    scope.release(second);
    scope.release(right);
    scope.release(first);
    scope.empty(DType.F32, 8000);
    assertThat(memory.systemAllocations()).isEqualTo(taken);
    scope.close();
    assertThat(memory.used()).isZero();
  }

  @Test
  void stepsOfEverOtherShapesHoldLittleMoreThanTheyUse() {
    Random random = new Random(7);
    long most = 0;
    for (int step = 0; step < 200; step++) {
      int rows = 100 + random.nextInt(4000);
      try (Scope scope = new Scope(backend, "step")) {
        for (int i = 1; i <= 20; i++) {
          scope.empty(DType.F32, rows, 1 + i % 5);
        }
      }
      most = Math.max(most, memory.reserved());
    }
    assertThat(most).isLessThanOrEqualTo(memory.peak() * 5 / 4);
  }

  @Test
  void repeatedStepsTakeNothingFromTheSystem() {
    long taken = 0;
    for (int step = 0; step < 20; step++) {
      try (Scope scope = new Scope(backend, "step")) {
        for (int i = 1; i <= 20; i++) {
          Tensor big = scope.empty(DType.F32, 1000, i);
          scope.empty(DType.F32, 100, i);
          if (i % 3 == 0) {
            scope.release(big);
          }
        }
      }
      if (step == 2) {
        taken = memory.systemAllocations();
      }
    }
    assertThat(memory.systemAllocations()).isEqualTo(taken);
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
      assertThat(memory.reserved()).isBetween(12288L, 12288L * 5 / 4);
    }
    memory.trim();
    assertThat(memory.reserved()).isZero();
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
