// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu.x86;

import static llmengine.engine.cpu.x86.Assembler.R10;
import static llmengine.engine.cpu.x86.Assembler.R11;
import static llmengine.engine.cpu.x86.Assembler.R8;
import static llmengine.engine.cpu.x86.Assembler.R9;
import static llmengine.engine.cpu.x86.Assembler.RCX;
import static llmengine.engine.cpu.x86.Assembler.RDI;
import static llmengine.engine.cpu.x86.Assembler.RDX;
import static llmengine.engine.cpu.x86.Assembler.RSI;

import llmengine.engine.CodeLayout;

/**
 * Emits the product of rows of coded weights with one to four tokens in 8 bits. Weights are read
 * where the file has them. With 256-bit vectors a row is computed at a time; with 512 bits two, one
 * in each half.
 *
 * <p>Eight blocks of 32 values make a group. The dot products of a group's blocks are summed across
 * lanes together, in a tree that ends with the eight sums in eight lanes (two rows: lanes 0-3 and
 * 8-11 are row A's). Each is an exact integer; what follows is one fused multiply-add to a partial
 * sum that belongs to the lane, so the order is the one that {@code CodedProduct} states.
 *
 * <p>Vector registers: 0, 1 two blocks of codes, later scales and minimums; 2-6 temporary; from 7
 * on, for each token, its unfinished sums, those of the group's first half, and its partial sums.
 */
final class ProductEmitter {
  /** Offsets of the arguments: 64-bit words, then the constants. */
  static final int WEIGHTS = 0;

  static final int ROW_BYTES = 8;
  static final int ROWS = 16;
  static final int GROUPS = 24;
  static final int TOKENS = 32;
  static final int OUT = 40;
  static final int CONSTANTS = 64;

  /**
   * How far ahead of their use weights are asked for when they come from memory: one core then
   * reads what it can, instead of three quarters of it (Emerald Rapids).
   */
  private static final int AHEAD = 4096;

  private static final int C0 = 0;
  private static final int C1 = 1;
  private static final int T = 2;
  private static final int T1 = 3;
  private static final int T2 = 4;
  private static final int S0 = 5;
  private static final int S1 = 6;
  private static final int UNFINISHED = 7;

  private final Isa isa;
  private final int bits;
  private final boolean wide;
  private final int tokens;
  private final int tail;
  private final boolean fromMemory;
  private final BlockEmitter blocks;
  private final Assembler a = new Assembler();

  /**
   * @param tokens 1 or 2; with 512 bits also 4
   * @param tail blocks behind the last whole group, 0 to 7
   * @param fromMemory whether weights come from memory, not from a cache
   */
  ProductEmitter(Isa isa, CodeLayout layout, int tokens, int tail, boolean fromMemory) {
    this.isa = isa;
    this.bits = isa.bits;
    this.wide = bits == 512;
    this.tokens = tokens;
    this.tail = tail;
    this.fromMemory = fromMemory;
    this.blocks = BlockEmitter.of(a, isa, layout);
  }

  static int maxTokens(Isa isa) {
    return isa.bits == 512 ? 4 : 2;
  }

  private int unfinished(int token) {
    return UNFINISHED + token;
  }

  private int firstHalf(int token) {
    return UNFINISHED + tokens + token;
  }

  private int partials(int token) {
    return UNFINISHED + 2 * tokens + token;
  }

  byte[] code() {
    blocks.begin();
    a.load64(RSI, RDI, WEIGHTS);
    a.load64(R9, RDI, ROWS);
    a.load64(R11, RDI, OUT);
    int nextRows = a.label();
    if (wide) {
      a.load64(R8, RDI, ROW_BYTES);
      a.move(RDX, RSI);
      a.add(RDX, R8);
    }
    for (int t = 0; t < tokens; t++) {
      a.vector(Op.VPXOR, bits, partials(t), partials(t), partials(t));
    }
    a.load64(R10, RDI, TOKENS);
    a.load64(RCX, RDI, GROUPS);
    a.test(RCX);
    int none = a.jumpIfZero();
    int nextGroup = a.label();
    group(TokenRecord.BLOCKS);
    a.add(R10, (long) tokens * TokenRecord.BYTES);
    a.decrement(RCX);
    a.jumpIfNotZero(nextGroup);
    a.land(none);
    if (tail > 0) {
      group(tail);
    }
    for (int t = 0; t < tokens; t++) {
      fold(t);
    }
    if (wide) {
      a.move(RSI, RDX); // rows follow each other
    }
    a.add(R11, (wide ? 8L : 4L) * tokens);
    a.decrement(R9);
    a.jumpIfNotZero(nextRows);
    a.endAndReturn();
    return a.code();
  }

  /** Adds the next group, of which {@code count} blocks exist, to the partial sums. */
  private void group(int count) {
    int bytes = count / (blocks.layout().blockValues() / 32) * blocks.layout().blockBytes();
    for (int at = 0; fromMemory && at < bytes; at += 64) {
      a.prefetch(RSI, AHEAD + at);
      if (wide) {
        a.prefetch(RDX, AHEAD + at);
      }
    }
    for (int i = 0; i < TokenRecord.BLOCKS; i += 2) {
      if (i < count) {
        blocks.load(i, C0, C1, i + 1 < count);
      }
      for (int t = 0; t < tokens; t++) {
        pair(i, count, t);
      }
    }
    blocks.scales(count, C0, C1, T, T1, T2);
    if (blocks.hasHalfScales()) {
      blocks.halfScales(S0, S1);
    }
    for (int t = 0; t < tokens; t++) {
      finish(t);
    }
    a.add(RSI, (long) bytes);
    if (wide) {
      a.add(RDX, (long) bytes);
    }
  }

  /** Blocks i and i + 1, and what their sums complete. */
  private void pair(int i, int count, int token) {
    boolean second = i % 4 == 2;
    int to = second ? T : unfinished(token);
    if (i >= count) {
      a.vector(Op.VPXOR, bits, to, to, to);
    } else {
      dot(S0, C0, token, i);
      if (i + 1 < count) {
        dot(S1, C1, token, i + 1);
      } else {
        a.vector(Op.VPXOR, bits, S1, S1, S1);
      }
      addNeighbours(to, S0, S1);
    }
    if (second) {
      addNeighbours(i < 4 ? firstHalf(token) : unfinished(token), unfinished(token), T);
    }
  }

  private int record(int token) {
    return token * TokenRecord.BYTES;
  }

  /** Sums of four products in each lane. */
  private void dot(int to, int codes, int token, int block) {
    int x = record(token) + 32 * block;
    if (wide) {
      a.vector(Op.VPXOR, bits, to, to, to);
      a.memory(Op.VBROADCASTI256, bits, T2, R10, x);
      a.vector(Op.VPDPBUSD, bits, to, codes, T2);
    } else if (isa.dots()) {
      a.vector(Op.VPXOR, bits, to, to, to);
      a.memory(Op.VPDPBUSD, bits, to, codes, R10, x);
    } else if (blocks.isSigned()) {
      // The token takes the weight's sign: 128 * 127 * 2 just fits the 16 bits of a sum.
      a.memory(Op.VMOVDQU, bits, T2, R10, x);
      a.vector(Op.VPSIGNB, bits, T2, T2, codes);
      a.vector(Op.VPABSB, bits, to, codes);
      a.vector(Op.VPMADDUBSW, bits, to, to, T2);
      a.memory(Op.VPMADDWD, bits, to, to, RDI, constant(Constants.ONES));
    } else {
      a.memory(Op.VPMADDUBSW, bits, to, codes, R10, x);
      a.memory(Op.VPMADDWD, bits, to, to, RDI, constant(Constants.ONES));
    }
  }

  static int constant(Constants constant) {
    return CONSTANTS + constant.at();
  }

  /** In every 128 bits: to = [x0 + x1, x2 + x3, y0 + y1, y2 + y3]. */
  private void addNeighbours(int to, int x, int y) {
    a.vector(Op.VSHUFPS, bits, T1, x, y, 0x88);
    a.vector(Op.VSHUFPS, bits, T2, x, y, 0xDD);
    a.vector(Op.VPADDD, bits, to, T1, T2);
  }

  /** From the sums of a token's blocks to its partial sums. */
  private void finish(int token) {
    int low = firstHalf(token);
    int high = unfinished(token);
    if (blocks.hasHalfScales()) {
      halves(low, S0, record(token) + TokenRecord.HALF_SUMS);
      halves(high, S1, record(token) + TokenRecord.HALF_SUMS + 32);
    }
    if (wide) { // 128 bits each: A's first and second halves of blocks, B's
      a.vector(Op.VSHUFI32X4, bits, T1, low, high, 0x88);
      a.vector(Op.VSHUFI32X4, bits, T2, low, high, 0xDD);
    } else {
      a.vector(Op.VPERM2I128, bits, T1, low, high, 0x20);
      a.vector(Op.VPERM2I128, bits, T2, low, high, 0x31);
    }
    a.vector(Op.VPADDD, bits, T, T1, T2);
    if (!blocks.hasHalfScales() && blocks.bias() > 0) {
      eight(T1, record(token) + TokenRecord.SUMS);
      a.shift(Op.VPSHIFTD, bits, T1, T1, -Integer.numberOfTrailingZeros(blocks.bias()));
      a.vector(Op.VPSUBD, bits, T, T, T1);
    }
    a.vector(Op.VCVTDQ2PS, bits, T, T);
    eight(T1, record(token) + TokenRecord.SCALES);
    a.vector(Op.VMULPS, bits, T1, C0, T1);
    a.vector(Op.VFMADD231PS, bits, partials(token), T1, T);
    if (blocks.minimumSign() != 0) {
      eight(T1, record(token) + TokenRecord.SCALED_SUMS);
      Op op = blocks.minimumSign() > 0 ? Op.VFMADD231PS : Op.VFNMADD231PS;
      a.vector(op, bits, partials(token), C1, T1);
    }
  }

  /** Sums of 16 codes: the bias taken off, times their scales. */
  private void halves(int sums, int scales, int at) {
    if (wide) {
      a.memory(Op.VBROADCASTI256, bits, T1, R10, at);
    } else {
      a.memory(Op.VMOVDQU, bits, T1, R10, at);
    }
    a.shift(Op.VPSHIFTD, bits, T1, T1, -Integer.numberOfTrailingZeros(blocks.bias()));
    a.vector(Op.VPSUBD, bits, sums, sums, T1);
    a.vector(Op.VPMULLD, bits, sums, sums, scales);
  }

  /** A token's eight values of a group, in the order of the sums. */
  private void eight(int to, int at) {
    if (wide) {
      a.memory(Op.VBROADCASTI256, bits, to, R10, at);
      a.vector(Op.VSHUFI32X4, bits, to, to, to, 0x50); // 0-3, 0-3, 4-7, 4-7
    } else {
      a.memory(Op.VMOVDQU, bits, to, R10, at);
    }
  }

  /** The tree over a token's eight partial sums, and the result to its place. */
  private void fold(int token) {
    int p = partials(token);
    int half = bits / 2;
    a.vector(wide ? Op.VEXTRACTI256 : Op.VEXTRACTI128, bits, p, 0, T, 1);
    a.vector(Op.VADDPS, half, p, p, T);
    a.vector(Op.VSHUFPS, half, T, p, p, 0x4E);
    a.vector(Op.VADDPS, half, p, p, T);
    a.vector(Op.VSHUFPS, half, T, p, p, 0xB1);
    a.vector(Op.VADDPS, half, p, p, T);
    a.memory(Op.VMOVSS_STORE, 128, p, R11, 4 * token);
    if (wide) {
      a.vector(Op.VEXTRACTI128, 256, p, 0, T, 1);
      a.memory(Op.VMOVSS_STORE, 128, T, R11, 4 * tokens + 4 * token);
    }
  }
}
