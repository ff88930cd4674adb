package llmengine.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.SplittableRandom;

/** Keys in blocks give the bits of keys in one piece, wherever the blocks lie. */
final class PagedKeysLaws {
  private static final int HEADS = 4;
  private static final int KV_HEADS = 2;
  private static final int D = 20;
  private static final int WIDTH = KV_HEADS * D;

  private PagedKeysLaws() {}

  static void blocksAreOnePiece(Backend backend) {
    int[] queries = {1, 5, 130, 1, 0, 33};
    int[] keys = {1, 200, 130, 385, 7, 64};
    for (int window : new int[] {0, 50}) {
      for (int blockRows : new int[] {1, 4, 32, 64}) {
        for (int gap : new int[] {0, 1, 2, 5}) {
          same(backend, queries, keys, window, blockRows, gap);
        }
      }
    }
  }

  /**
   * @param gap 0 lays blocks in order, 1 scatters all, more scatters each gap-th
   */
  private static void same(
      Backend backend, int[] queries, int[] keys, int window, int blockRows, int gap) {
    AttentionShape shape = new AttentionShape(HEADS, KV_HEADS, D, 0.3f, window, 20);
    int n = queries.length;
    int rows = Arrays.stream(queries).sum();
    int[] keyStart = new int[n];
    int[] queryStart = new int[n];
    int[][] blocks = new int[n][];
    int total = 0;
    for (int s = 0; s < n; s++) {
      if (s > 0) {
        keyStart[s] = keyStart[s - 1] + keys[s - 1];
        queryStart[s] = queryStart[s - 1] + queries[s - 1];
      }
      blocks[s] = new int[(keys[s] + blockRows - 1) / blockRows];
      for (int b = 0; b < blocks[s].length; b++) {
        blocks[s][b] = total++;
      }
    }
    scatter(blocks, total, gap);
    int keyRows = keyStart[n - 1] + keys[n - 1];
    float[] k = OpLaws.normal(11, keyRows * WIDTH);
    float[] v = OpLaws.normal(12, keyRows * WIDTH);
    try (Scope scope = new Scope(backend, "laws")) {
      Tensor q = scope.of(OpLaws.normal(13, rows * HEADS * D), rows, HEADS * D);
      float[] pagedK = new float[total * blockRows * WIDTH];
      float[] pagedV = pagedK.clone();
      Arrays.fill(pagedK, Float.NaN); // rows that no key lies in
      Arrays.fill(pagedV, Float.NaN);
      Segments whole = new Segments(queryStart, queries, keyStart, keys);
      Segments paged = Segments.paged(queries, keys, blocks, blockRows);
      for (int s = 0; s < n; s++) {
        for (int j = 0; j < keys[s]; j++) {
          int from = (keyStart[s] + j) * WIDTH;
          System.arraycopy(k, from, pagedK, paged.key(s, j) * WIDTH, WIDTH);
          System.arraycopy(v, from, pagedV, paged.key(s, j) * WIDTH, WIDTH);
          int run = paged.adjacentKeys(s, j, keys[s]);
          for (int i = 0; i < run; i++) {
            assertThat(paged.key(s, j + i)).isEqualTo(paged.key(s, j) + i);
          }
          assertThat(j + run == keys[s] || paged.key(s, j + run) != paged.key(s, j) + run).isTrue();
        }
        assertThat(paged.keyRows(s)).isLessThanOrEqualTo(total * blockRows);
      }
      Tensor kt = scope.of(k, keyRows, WIDTH);
      Tensor vt = scope.of(v, keyRows, WIDTH);
      Tensor kp = scope.of(pagedK, total * blockRows, WIDTH);
      Tensor vp = scope.of(pagedV, total * blockRows, WIDTH);
      Tensor out = scope.empty(DType.F32, rows, HEADS * D);
      Tensor lse = scope.empty(DType.F32, rows, HEADS);
      backend.attention(q, kt, vt, whole, shape, out, lse);
      Tensor pagedOut = scope.empty(DType.F32, rows, HEADS * D);
      Tensor pagedLse = scope.empty(DType.F32, rows, HEADS);
      backend.attention(q, kp, vp, paged, shape, pagedOut, pagedLse);
      String what = "window " + window + ", blocks of " + blockRows + ", gap " + gap;
      assertThat(pagedOut.toFloats()).as(what).containsExactly(out.toFloats());
      assertThat(pagedLse.toFloats()).as(what).containsExactly(lse.toFloats());
    }
  }

  private static void scatter(int[][] blocks, int total, int gap) {
    int[] places = new int[total];
    Arrays.setAll(places, i -> i);
    SplittableRandom random = new SplittableRandom(gap);
    for (int i = total - 1; gap > 0 && i > 0; i -= gap) {
      int j = random.nextInt(i + 1);
      int t = places[i];
      places[i] = places[j];
      places[j] = t;
    }
    for (int[] table : blocks) {
      Arrays.setAll(table, b -> places[table[b]]);
    }
  }

  static void piecesAreOneRun(Backend backend) {
    int keys = 150;
    try (Scope scope = new Scope(backend, "laws")) {
      Tensor q = scope.of(OpLaws.normal(13, keys * HEADS * D), keys, HEADS * D);
      Tensor k = scope.of(OpLaws.normal(11, keys * WIDTH), keys, WIDTH);
      Tensor v = scope.of(OpLaws.normal(12, keys * WIDTH), keys, WIDTH);
      for (int window : new int[] {0, 50}) {
        AttentionShape shape = new AttentionShape(HEADS, KV_HEADS, D, 0.3f, window, 20);
        Tensor out = scope.empty(DType.F32, keys, HEADS * D);
        Tensor lse = scope.empty(DType.F32, keys, HEADS);
        backend.attention(q, k, v, Segments.of(keys), shape, out, lse);
        for (int piece : new int[] {1, 7, 64}) {
          for (int from = 0; from < keys; from += piece) {
            int to = Math.min(keys, from + piece);
            Segments next =
                new Segments(new int[1], new int[] {to - from}, new int[1], new int[] {to});
            Tensor some = scope.empty(DType.F32, to - from, HEADS * D);
            Tensor someLse = scope.empty(DType.F32, to - from, HEADS);
            backend.attention(q.rows(from, to), k, v, next, shape, some, someLse);
            assertThat(some.toFloats())
                .as("window %d, %d to %d", window, from, to)
                .containsExactly(out.rows(from, to).toFloats());
          }
        }
      }
    }
  }

  static void tablesAreChecked(Backend backend) {
    int[] one = {1};
    assertThatThrownBy(() -> Segments.paged(one, new int[] {33}, new int[][] {{0}}, 32))
        .isInstanceOf(ShapeException.class)
        .hasMessageContaining("33 keys, got 1 of 32");
    assertThatThrownBy(() -> Segments.paged(one, one, new int[][] {{0}}, 24))
        .isInstanceOf(ShapeException.class)
        .hasMessageContaining("power of two");
    Segments beyond = Segments.paged(one, new int[] {3}, new int[][] {{7}}, 4);
    assertThat(beyond.keyRows(0)).isEqualTo(32);
    try (Scope scope = new Scope(backend, "laws")) {
      Tensor q = scope.zeros(DType.F32, 1, 4);
      Tensor k = scope.zeros(DType.F32, 31, 4);
      assertThatThrownBy(
              () ->
                  llmengine.engine.op.Attention.apply(
                      Tape.inference(scope), q, k, k, beyond, AttentionShape.causal(1, 1, 4)))
          .isInstanceOf(ShapeException.class)
          .hasMessageContaining("beyond the rows");
    }
  }
}
