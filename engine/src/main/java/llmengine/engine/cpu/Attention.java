// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu;

import static llmengine.engine.cpu.AttentionTiles.KEYS;
import static llmengine.engine.cpu.MicroKernel.LD;

import java.util.Arrays;
import llmengine.engine.AttentionShape;
import llmengine.engine.Segments;
import llmengine.engine.Tensor;

/**
 * Softmax attention in one pass over blocks of keys (Dao 2023, "FlashAttention-2", algorithm 1), on
 * the tile products of {@link MicroKernel}.
 *
 * <p>A unit of work is a block of queries of one sequence and key/value head; the query heads that
 * share the head are stacked, row i * G + g, so that packed keys and values serve all of them.
 * Blocks of keys start at multiples of KEYS within the sequence and a masked key adds exact zeros,
 * so a query's result depends neither on the block of queries it is in nor on other sequences.
 */
final class Attention {
  private final Team team;
  private final AttentionTiles[] tiles;

  Attention(Team team) {
    this.team = team;
    this.tiles = new AttentionTiles[team.threads()];
    Arrays.setAll(tiles, i -> new AttentionTiles());
  }

  void forward(
      Tensor q,
      Tensor k,
      Tensor v,
      Segments segments,
      AttentionShape shape,
      Tensor out,
      Tensor lse) {
    int perBlock = AttentionTiles.queriesPerBlock(shape);
    int[] first = new int[segments.count() + 1]; // index of each sequence's first unit
    for (int s = 0; s < segments.count(); s++) {
      first[s + 1] = first[s] + Gemm.ceilDiv(segments.queryLength()[s], perBlock) * shape.kvHeads();
    }
    int units = first[segments.count()];
    team.run(
        (chunk, worker) -> {
          int unit = units - 1 - chunk; // late blocks see the most keys: hand them out first
          int s = Arrays.binarySearch(first, unit);
          s = s < 0 ? -s - 2 : s;
          while (first[s + 1] == first[s]) {
            s++; // sequences without queries share their index with the next
          }
          int within = unit - first[s];
          int block = within / shape.kvHeads();
          AttentionTiles.Block at =
              new AttentionTiles.Block(
                  shape, segments, s, within % shape.kvHeads(), block * perBlock, perBlock);
          forward(q, k, v, at, out, lse, tiles[worker]);
        },
        units);
  }

  private static void forward(
      Tensor q,
      Tensor k,
      Tensor v,
      AttentionTiles.Block at,
      Tensor out,
      Tensor lse,
      AttentionTiles tiles) {
    int d = at.shape().headDim();
    int rows = at.rows();
    tiles.start(rows, d);
    tiles.stageQueries(q, at);
    for (int from = at.firstBlock(); from <= at.lastKey(); from += KEYS) {
      int keys = Math.min(KEYS, at.lastKey() + 1 - from);
      tiles.packTransposed(k, at, from, keys, tiles.keysT);
      tiles.scores(tiles.query, tiles.keysT, d, at, from, keys, tiles.score);
      tiles.softmax(at, from, keys);
      tiles.pack(v, at, from, keys, tiles.values);
      tiles.addOutput(at, from, keys);
    }
    float[] row = tiles.row;
    for (int r = 0; r < rows; r++) {
      Rowwise.scale(tiles.output, r * LD, 1 / tiles.sum[r], row, 0, Scratch.padded(d));
      Store.set(row, 0, d, Pieces.address(out, at.query(r), (long) at.head(r) * d));
      double log = tiles.max[r] + StrictMath.log(tiles.sum[r]);
      Window.putFloat(Pieces.address(lse, at.query(r), at.head(r)), (float) log);
    }
  }

  void backward(
      Tensor dout,
      Tensor q,
      Tensor k,
      Tensor v,
      Tensor out,
      Tensor lse,
      Segments segments,
      AttentionShape shape,
      Tensor dq,
      Tensor dk,
      Tensor dv) {
    int kvHeads = shape.kvHeads();
    int[] runs = segments.independentRuns();
    team.run(
        (unit, worker) -> {
          var gradient =
              new AttentionGradient(
                  dout, q, k, v, out, lse, segments, shape, dq, dk, dv, tiles[worker]);
          // one worker for all sequences that share a prefix: they add to the same rows, in order
          for (int s = runs[unit / kvHeads]; s < runs[unit / kvHeads + 1]; s++) {
            gradient.run(s, unit % kvHeads);
          }
        },
        (runs.length - 1) * kvHeads);
  }
}
