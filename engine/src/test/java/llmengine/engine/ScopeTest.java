// SPDX-License-Identifier: Apache-2.0
package llmengine.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import llmengine.engine.cpu.ScalarBackend;
import org.junit.jupiter.api.Test;

class ScopeTest {
  private final ScalarBackend backend = new ScalarBackend();
  private final Memory memory = backend.memory();

  @Test
  void closingGivesEverythingBackOnce() {
    Scope scope = new Scope(backend, "a");
    scope.empty(DType.F32, 100, 10);
    scope.zeros(DType.BF16, 7);
    assertThat(memory.used()).isGreaterThanOrEqualTo(4014);
    scope.close();
    assertThat(memory.used()).isZero();
    scope.close();
    assertThat(memory.used()).isZero();
    assertThat(memory.usedBy()).isEmpty();
  }

  @Test
  void movedTensorOutlivesItsScopeUnderTheNewOwner() {
    try (Scope run = new Scope(backend, "run")) {
      Tensor kept;
      Scope step = new Scope(backend, "step");
      Tensor t = step.of(new float[] {1, 2}, 2).needsGrad(true);
      kept = step.moveTo(run, t);
      assertThat(step.owns(t)).isFalse();
      assertThat(run.owns(kept)).isTrue();
      assertThat(kept.scope()).isSameAs(run);
      assertThat(kept.needsGrad()).isTrue();
      step.close();
      assertThat(memory.usedBy()).containsOnlyKeys("run");
      assertThat(kept.toFloats()).containsExactly(1, 2);
    }
    assertThat(memory.used()).isZero();
  }

  @Test
  void onlyWholeTensorsOfThisScopeMove() {
    try (Scope a = new Scope(backend, "a");
        Scope b = new Scope(backend, "b")) {
      Tensor t = a.zeros(DType.F32, 4, 2);
      assertThatThrownBy(() -> a.moveTo(b, t.rows(0, 2)))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("scope a: moveTo: expected a whole tensor of this scope, got F32(2, 2).");
      assertThat(a.owns(t)).as("still owned after the refusal").isTrue();
      assertThatThrownBy(() -> b.moveTo(a, t)).isInstanceOf(IllegalStateException.class);
      Scope closed = new Scope(backend, "closed");
      closed.close();
      assertThatThrownBy(() -> a.moveTo(closed, t))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("scope closed: moveTo: used after close.");
      assertThat(a.owns(t)).isTrue();
    }
    assertThat(memory.used()).isZero();
  }

  @Test
  void releaseGivesOneTensorBackEarlyAndOnlyOnce() {
    try (Scope scope = new Scope(backend, "a")) {
      Tensor t = scope.empty(DType.F32, 100);
      Tensor other = scope.empty(DType.F32, 100);
      long both = memory.used();
      scope.release(t);
      assertThat(memory.used()).isEqualTo(both / 2);
      assertThatThrownBy(() -> scope.release(t))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("scope a: release: expected a tensor of this scope, got F32(100).");
      assertThat(scope.owns(other)).isTrue();
    }
  }

  @Test
  void nothingIsMadeAfterClose() {
    Scope scope = new Scope(backend, "late");
    scope.close();
    assertThatThrownBy(() -> scope.empty(DType.F32, 1))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("scope late: used after close.");
    assertThatThrownBy(() -> scope.of(1, 2)).isInstanceOf(IllegalStateException.class);
  }
}
