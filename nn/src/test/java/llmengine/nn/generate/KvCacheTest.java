package llmengine.nn.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import llmengine.engine.Backend;
import llmengine.engine.OutOfMemoryException;
import llmengine.engine.Scope;
import llmengine.engine.Segments;
import llmengine.engine.Tensor;
import llmengine.engine.cpu.ScalarBackend;
import org.junit.jupiter.api.Test;

class KvCacheTest {
  private static final int LAYERS = 2;
  private static final int WIDTH = 2;
  private static final int BLOCK = KvCache.BLOCK;
  private static final long BLOCK_BYTES = KvCache.bytesPerToken(LAYERS, WIDTH) * BLOCK;

  private final Backend backend = new ScalarBackend();

  private KvCache growing() {
    return KvCache.growing(backend, LAYERS, WIDTH);
  }

  private KvCache bounded(int blocks) {
    return KvCache.bounded(backend, LAYERS, WIDTH, blocks * BLOCK_BYTES + BLOCK_BYTES - 1);
  }

  /** Appends {@code count} tokens, key = base + position, value = -key. */
  private void append(KvCache cache, KvSequence sequence, int count, float base) {
    int from = sequence.length();
    try (Scope scope = new Scope(backend, "test")) {
      float[] values = new float[count * WIDTH];
      float[] negative = new float[count * WIDTH];
      for (int i = 0; i < values.length; i++) {
        values[i] = base + from + i / WIDTH;
        negative[i] = -values[i];
      }
      Tensor k = scope.of(values, count, WIDTH);
      Tensor v = scope.of(negative, count, WIDTH);
      Segments segments = cache.reserve(new KvSequence[] {sequence}, new int[] {count});
      assertThat(segments.keyLength()).containsExactly(from + count);
      for (int layer = 0; layer < LAYERS; layer++) {
        cache.store(layer, k, v, segments);
      }
    }
  }

  private void holds(KvCache cache, KvSequence sequence, int length, float base) {
    assertThat(sequence.length()).isEqualTo(length);
    Segments segments = cache.reserve(new KvSequence[] {sequence}, new int[] {0});
    for (int layer = 0; layer < LAYERS; layer++) {
      for (int p = 0; p < length; p++) {
        int row = segments.key(0, p);
        assertThat(cache.keys(layer).rows(row, row + 1).toFloats()).containsOnly(base + p);
        assertThat(cache.values(layer).rows(row, row + 1).toFloats()).containsOnly(-base - p);
      }
    }
  }

  @Test
  void growthKeepsWhatIsHeld() {
    try (KvCache cache = growing()) {
      KvSequence a = cache.open();
      KvSequence b = cache.open();
      append(cache, a, 5, 100);
      append(cache, b, 60, 300);
      append(cache, b, 7, 300);
      append(cache, a, 400, 100);
      holds(cache, a, 405, 100);
      holds(cache, b, 67, 300);
      holds(cache, cache.open(), 0, 0);
      assertThat(cache.usedBlocks()).isEqualTo(13 + 3);
      a.close();
      b.close();
      assertThat(cache.usedBlocks()).isZero();
      assertThat(cache.availableBlocks()).isEqualTo(cache.blocks());
    }
    assertThat(backend.memory().used()).isZero();
  }

  @Test
  void forksShareUntilOneWrites() {
    try (KvCache cache = bounded(6)) {
      assertThat(cache.blocks()).isEqualTo(6);
      KvSequence a = cache.open();
      append(cache, a, BLOCK + 8, 100);
      KvSequence b = a.fork();
      KvSequence c = a.fork();
      assertThat(cache.usedBlocks()).isEqualTo(2);
      assertThat(b.blocksFor(1)).as("a copy of the last block").isEqualTo(1);
      append(cache, b, 3, 100);
      append(cache, c, 1, 100);
      assertThat(cache.usedBlocks()).as("the whole block stays shared").isEqualTo(4);
      assertThat(a.blocksFor(1)).as("its own by now").isZero();
      append(cache, a, 2, 100);
      a.truncate(BLOCK + 8);
      append(cache, a, 2, 100);
      assertThat(cache.usedBlocks()).isEqualTo(4);
      holds(cache, a, BLOCK + 10, 100);
      holds(cache, b, BLOCK + 11, 100);
      holds(cache, c, BLOCK + 9, 100);
      a.close();
      b.close();
      holds(cache, c, BLOCK + 9, 100);
      c.close();
      assertThat(cache.usedBlocks()).isZero();
    }
  }

  @Test
  void truncationLeavesAPrefixThatCanGoOn() {
    try (KvCache cache = growing()) {
      KvSequence s = cache.open();
      append(cache, s, 90, 100);
      s.truncate(33);
      assertThat(cache.usedBlocks()).isEqualTo(2);
      holds(cache, s, 33, 100);
      append(cache, s, 2, 100);
      holds(cache, s, 35, 100);
      s.truncate(50);
      assertThat(s.length()).isEqualTo(35);
    }
  }

  @Test
  void aBoundIsKeptAndAFailedRequestTakesNothing() {
    try (KvCache cache = bounded(3)) {
      long used = backend.memory().used();
      KvSequence a = cache.open();
      KvSequence b = cache.open();
      append(cache, a, 2 * BLOCK, 1);
      assertThatThrownBy(() -> cache.reserve(new KvSequence[] {a, b}, new int[] {1, 1}))
          .isInstanceOf(OutOfMemoryException.class)
          .hasMessageContaining("at most 1 more")
          .hasMessageContaining("request of 2");
      assertThat(a.length()).isEqualTo(2 * BLOCK);
      assertThat(b.length()).isZero();
      assertThat(cache.availableBlocks()).isEqualTo(1);
      append(cache, b, BLOCK, 2);
      assertThat(backend.memory().used()).isEqualTo(used);
    }
    assertThatThrownBy(() -> KvCache.bounded(backend, LAYERS, WIDTH, BLOCK_BYTES - 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("one block");
    assertThat(backend.memory().used()).isZero();
  }

  private static int[] ids(int length, int changedAt) {
    int[] ids = new int[length];
    Arrays.setAll(ids, i -> i == changedAt ? 999 : i % 50);
    return ids;
  }

  /** A sequence with these ids, kept and closed. */
  private void leave(KvCache cache, long root, int[] ids, int prompt, float base) {
    KvSequence s = cache.open();
    append(cache, s, ids.length, base);
    s.keep(root, i -> ids[i], prompt);
    s.close();
  }

  private int reused(KvCache cache, long root, int[] ids, int prompt) {
    try (KvSequence s = cache.open()) {
      return s.reuse(root, i -> ids[i], prompt, ids.length - 1);
    }
  }

  @Test
  void wholeBlocksAreFoundAgainByWhatTheyAreAFunctionOf() {
    try (KvCache cache = bounded(20)) {
      long root = cache.newRoot();
      int[] ids = ids(100, -1);
      leave(cache, root, ids, 100, 7);
      assertThat(cache.usedBlocks()).isZero();
      assertThat(cache.keptBlocks()).isEqualTo(3);
      assertThat(reused(cache, root, ids, 100)).isEqualTo(96);
      assertThat(reused(cache, root, ids(97, -1), 97)).isEqualTo(96);
      assertThat(reused(cache, root, ids(96, -1), 96)).as("the last token runs").isEqualTo(64);
      assertThat(reused(cache, root, ids(100, 70), 100)).isEqualTo(64);
      assertThat(reused(cache, root, ids(100, 0), 100)).isZero();
      assertThat(reused(cache, cache.newRoot(), ids, 100)).as("another model").isZero();
      KvSequence s = cache.open();
      s.reuse(root, i -> ids[i], 100, 99);
      holds(cache, s, 96, 7);
      assertThat(cache.keptBlocks()).isZero();
      s.truncate(40);
      append(cache, s, 30, 7); // in the middle of a block that others may find
      s.close();
      assertThat(reused(cache, root, ids, 100)).isEqualTo(96);
    }
  }

  @Test
  void answersAndPromptsAreDifferentThings() {
    try (KvCache cache = bounded(20)) {
      long root = cache.newRoot();
      int[] ids = ids(140, -1);
      leave(cache, root, ids, 70, 7);
      assertThat(reused(cache, root, ids, 140)).as("as a prompt").isEqualTo(64);
      assertThat(reused(cache, root, ids, 70)).as("as the same answer").isEqualTo(128);
      assertThat(reused(cache, root, ids, 71)).as("after a longer prompt").isEqualTo(64);
    }
  }

  @Test
  void whatIsUnusedForLongestGoesFirstAndTheEndBeforeTheBeginning() {
    try (KvCache cache = bounded(6)) {
      long root = cache.newRoot();
      int[] old = ids(65, 3);
      int[] young = ids(65, 5);
      leave(cache, root, old, 65, 1);
      leave(cache, root, young, 65, 2);
      assertThat(cache.keptBlocks()).isEqualTo(4);
      assertThat(reused(cache, root, old, 65)).as("used again: the younger one").isEqualTo(64);
      KvSequence s = cache.open();
      append(cache, s, 3 * BLOCK, 9);
      assertThat(reused(cache, root, young, 65)).as("its end is gone").isEqualTo(BLOCK);
      assertThat(reused(cache, root, old, 65)).isEqualTo(2 * BLOCK);
      append(cache, s, 3 * BLOCK, 9);
      assertThat(cache.keptBlocks()).isZero();
      assertThat(reused(cache, root, old, 65)).isZero();
      holds(cache, s, 6 * BLOCK, 9);
      s.close();
      assertThat(cache.availableBlocks()).isEqualTo(6);
    }
  }

  @Test
  void equalBlocksBecomeOne() {
    try (KvCache cache = bounded(8)) {
      long root = cache.newRoot();
      int[] ids = ids(2 * BLOCK + 1, -1);
      KvSequence a = cache.open();
      KvSequence b = cache.open();
      append(cache, a, ids.length, 1);
      append(cache, b, ids.length, 1);
      assertThat(cache.usedBlocks()).isEqualTo(6);
      a.keep(root, i -> ids[i], ids.length);
      b.keep(root, i -> ids[i], ids.length);
      assertThat(cache.usedBlocks()).isEqualTo(4);
      holds(cache, b, ids.length, 1);
      a.close();
      holds(cache, b, ids.length, 1);
      b.close();
      assertThat(cache.usedBlocks()).isZero();
      assertThat(cache.keptBlocks()).isEqualTo(2);
    }
  }
}
