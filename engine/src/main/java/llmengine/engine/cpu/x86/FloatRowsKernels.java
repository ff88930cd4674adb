// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu.x86;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import llmengine.engine.DType;

/** Products of rows of plain numbers with tokens as machine code, made when first needed. */
public final class FloatRowsKernels {
  /** Rows' lengths are multiples of it. */
  public static final int STEP = 16;

  /** Strides that fit a displacement with room for the rows and tokens of a tile. */
  private static final long LONGEST = 1 << 27;

  /**
   * What code is made for.
   *
   * @param k values of a row
   * @param rows of weights in a tile
   * @param tokens in a group
   * @param lines of 64 bytes of the next tile that are asked for in every 32 values of k
   * @param tokenBytes from a token to the next
   * @param outBytes from a token's results to the next one's
   */
  record Shape(
      DType dtype,
      int k,
      int rows,
      int tokens,
      int lines,
      long rowBytes,
      long tokenBytes,
      long outBytes) {}

  private final Isa isa;
  private final Map<Shape, MachineCode> made = new ConcurrentHashMap<>();

  public FloatRowsKernels(Isa isa) {
    this.isa = isa;
  }

  /** Whether there is code for rows of this length and these strides. */
  public static boolean takes(int k, long rowBytes, long tokenBytes, long outBytes) {
    return k % STEP == 0
        && k > 0
        && rowBytes < LONGEST
        && tokenBytes < LONGEST
        && outBytes < LONGEST;
  }

  /** One worker's arguments. */
  public static final class Arguments {
    private final MemorySegment memory = Arena.ofAuto().allocate(FloatRowsEmitter.BYTES, 64);

    private void set(int at, long value) {
      memory.set(ValueLayout.JAVA_LONG, at, value);
    }
  }

  /**
   * Computes {@code rows} rows at {@code weights} for {@code m} tokens: the result (token i, row r)
   * goes to {@code out + i * outBytes + 4 r}.
   */
  public void run(
      Arguments arguments,
      DType dtype,
      int k,
      long weights,
      long rowBytes,
      int rows,
      long tokens,
      long tokenBytes,
      int m,
      long out,
      long outBytes) {
    for (int i = 0; i < m; ) {
      int together = together(m - i);
      int groups = (m - i) / together;
      long x = tokens + i * tokenBytes;
      long y = out + i * outBytes;
      int tile = tile(together);
      int tiles = rows / tile;
      int lines = lines(dtype, tile, groups);
      // strides of a single token are left out, so that all such products share code
      long xBytes = together * groups == 1 ? 0 : tokenBytes;
      long yBytes = together * groups == 1 ? 0 : outBytes;
      if (tiles > 0) {
        Shape shape = new Shape(dtype, k, tile, together, lines, rowBytes, xBytes, yBytes);
        call(shape, arguments, weights, tiles, x, groups, y);
      }
      int left = rows - tiles * tile;
      if (left > 0) {
        Shape shape = new Shape(dtype, k, 1, together, 1, rowBytes, xBytes, yBytes);
        long done = (long) tiles * tile;
        call(shape, arguments, weights + done * rowBytes, left, x, groups, y + 4 * done);
      }
      i += groups * together;
    }
  }

  /** Tokens that share a load of weights: as many as the registers hold sums for. */
  private int together(int m) {
    int most = isa.bits == 512 ? 4 : 2;
    return Math.min(most, Integer.highestOneBit(m));
  }

  private int tile(int tokens) {
    return isa.bits == 512 || tokens == 1 ? 4 : 2;
  }

  /** All lines of the next tile, spread over the groups that meet this one. */
  private static int lines(DType dtype, int rows, int groups) {
    int all = rows * 32 * dtype.bytes() / 64;
    return Math.max(1, all / Integer.highestOneBit(groups));
  }

  private void call(
      Shape shape, Arguments to, long weights, int tiles, long tokens, int groups, long out) {
    MachineCode code =
        made.computeIfAbsent(shape, s -> new MachineCode(new FloatRowsEmitter(isa, s).code()));
    to.set(FloatRowsEmitter.WEIGHTS, weights);
    to.set(FloatRowsEmitter.TILES, tiles);
    to.set(FloatRowsEmitter.TOKENS, tokens);
    to.set(FloatRowsEmitter.GROUPS, groups);
    to.set(FloatRowsEmitter.OUT, out);
    code.run(to.memory.address());
  }
}
