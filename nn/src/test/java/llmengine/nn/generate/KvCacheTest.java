package llmengine.nn.generate;

import static org.assertj.core.api.Assertions.assertThat;

import llmengine.engine.Backend;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Segments;
import llmengine.engine.Tensor;
import llmengine.engine.cpu.ScalarBackend;
import org.junit.jupiter.api.Test;

class KvCacheTest {
  private static final int WIDTH = 2;

  private final Backend backend = new ScalarBackend();

  /** Appends {@code count} tokens to a slot, key = base + position, value = -key. */
  private void append(KvCache cache, int slot, int count, float base) {
    try (Scope scope = new Scope(backend, "test")) {
      int from = cache.length(slot);
      Tensor k = scope.empty(DType.F32, count, WIDTH);
      Tensor v = scope.empty(DType.F32, count, WIDTH);
      float[] values = new float[count * WIDTH];
      float[] negative = new float[count * WIDTH];
      for (int i = 0; i < values.length; i++) {
        values[i] = base + from + i / WIDTH;
        negative[i] = -values[i];
      }
      k.set(values);
      v.set(negative);
      Segments segments = cache.reserve(new int[] {slot}, new int[] {count});
      assertThat(segments.keyLength()).containsExactly(from + count);
      for (int layer = 0; layer < 2; layer++) {
        cache.store(layer, k, v, segments);
      }
    }
  }

  private void holds(KvCache cache, int slot, int length, float base) {
    assertThat(cache.length(slot)).isEqualTo(length);
    int from = cache.reserve(new int[] {slot}, new int[] {0}).keyStart()[0];
    for (int layer = 0; layer < 2; layer++) {
      for (int p = 0; p < length; p++) {
        assertThat(cache.keys(layer).rows(from + p, from + p + 1).toFloats())
            .containsOnly(base + p);
        assertThat(cache.values(layer).rows(from + p, from + p + 1).toFloats())
            .containsOnly(-base - p);
      }
    }
  }

  @Test
  void growthKeepsWhatIsHeld() {
    try (KvCache cache = new KvCache(backend, 2, WIDTH, 3)) {
      append(cache, 0, 5, 100);
      append(cache, 2, 60, 300);
      append(cache, 2, 7, 300); // beyond the first 64
      append(cache, 0, 200, 100);
      holds(cache, 0, 205, 100);
      holds(cache, 1, 0, 0);
      holds(cache, 2, 67, 300);
    }
    assertThat(backend.memory().used()).isZero();
  }

  @Test
  void copiesAndPermutationsMoveWholeSequences() {
    try (KvCache cache = new KvCache(backend, 2, WIDTH, 3)) {
      append(cache, 0, 4, 100);
      append(cache, 1, 2, 200);
      cache.copy(0, 2);
      holds(cache, 2, 4, 100);
      append(cache, 2, 1, 100);
      cache.permute(new int[] {1, 2, 2});
      holds(cache, 0, 2, 200);
      holds(cache, 1, 5, 100);
      holds(cache, 2, 5, 100);
    }
  }

  @Test
  void truncationLeavesAPrefixThatCanGoOn() {
    try (KvCache cache = new KvCache(backend, 2, WIDTH, 1)) {
      append(cache, 0, 9, 100);
      cache.truncate(0, 3);
      holds(cache, 0, 3, 100);
      append(cache, 0, 2, 100);
      holds(cache, 0, 5, 100);
      cache.truncate(0, 50);
      assertThat(cache.length(0)).isEqualTo(5);
    }
  }
}
