// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu.x86;

import static llmengine.engine.cpu.x86.Assembler.R10;
import static llmengine.engine.cpu.x86.Assembler.R11;
import static llmengine.engine.cpu.x86.Assembler.R8;
import static llmengine.engine.cpu.x86.Assembler.R9;
import static llmengine.engine.cpu.x86.Assembler.RAX;
import static llmengine.engine.cpu.x86.Assembler.RCX;
import static llmengine.engine.cpu.x86.Assembler.RDI;
import static llmengine.engine.cpu.x86.Assembler.RDX;
import static llmengine.engine.cpu.x86.Assembler.RSI;

import llmengine.engine.cpu.x86.FloatRowsKernels.Shape;

/**
 * Emits the product of rows of f32, bf16 or f16 weights with f32 tokens, in the arithmetic of
 * {@code RowsProduct}: sixteen partial sums over k (k goes to partial k mod 16), each one chain of
 * fused multiply-adds, and the tree p[i] + p[i + 8], + p[i + 4], + p[i + 2], + p[1].
 *
 * <p>A tile of rows meets all tokens, a group of them at a time, while it lies in first-level
 * cache, and meanwhile the next tile is asked for: without that one core read 11 GB/s, with it 15
 * of the 16 that it can (Emerald Rapids). Strides are constants of the code.
 *
 * <p>Vector registers: first the sums of (token, row) as one 512-bit or two 256-bit vectors, then a
 * tile's weights, then the token's values.
 */
final class FloatRowsEmitter {
  /** Offsets of the arguments, 64-bit words. */
  static final int WEIGHTS = 0;

  static final int TILES = 8;
  static final int TOKENS = 16;
  static final int GROUPS = 24;
  static final int OUT = 32;
  static final int BYTES = 40;

  /** Values of k in a step: one for each partial sum. */
  private static final int STEP = 16;

  private final int bits;
  private final boolean wide;
  private final Shape s;
  private final int halves; // vectors of sixteen floats
  private final int rows;
  private final int elementBytes;
  private final int weights; // first register of them
  private final int x;
  private final Assembler a = new Assembler();

  FloatRowsEmitter(Isa isa, Shape shape) {
    this.bits = isa.bits;
    this.wide = bits == 512;
    this.s = shape;
    this.halves = wide ? 1 : 2;
    this.rows = shape.rows();
    this.elementBytes = shape.dtype().bytes();
    this.weights = s.tokens() * rows * halves;
    this.x = weights + rows;
  }

  private int sum(int token, int row, int half) {
    return (token * rows + row) * halves + half;
  }

  byte[] code() {
    int rowBytes = Math.toIntExact(s.rowBytes());
    int tokenBytes = Math.toIntExact(s.tokenBytes());
    int outBytes = Math.toIntExact(s.outBytes());
    a.load64(RSI, RDI, WEIGHTS);
    a.load64(R9, RDI, TILES);
    a.load64(R11, RDI, OUT);
    int nextTile = a.label();
    a.move(R8, RSI);
    a.add(R8, (long) rows * rowBytes); // what is asked for
    a.move(RDX, R11);
    a.load64(R10, RDI, TOKENS);
    a.load64(RAX, RDI, GROUPS);
    int nextGroup = a.label();
    for (int i = 0; i < weights; i++) {
      a.vector(Op.VPXOR, bits, i, i, i);
    }
    int pairs = s.k() / (2 * STEP);
    if (pairs > 0) {
      a.move32(RCX, pairs);
      int next = a.label();
      for (int line = 0; line < s.lines(); line++) {
        a.prefetch(R8, 64 * line);
      }
      step(0, rowBytes, tokenBytes);
      step(1, rowBytes, tokenBytes);
      a.add(RSI, 2L * STEP * elementBytes);
      a.add(R10, 2L * STEP * Float.BYTES);
      a.add(R8, 64L * s.lines());
      a.decrement(RCX);
      a.jumpIfNotZero(next);
    }
    if (s.k() / STEP % 2 != 0) {
      step(0, rowBytes, tokenBytes);
    }
    long done = 2L * STEP * pairs;
    if (wide && rows == 4) {
      for (int t = 0; t < s.tokens(); t++) {
        foldFour(t, t * outBytes);
      }
    } else {
      for (int t = 0; t < s.tokens(); t++) {
        for (int r = 0; r < rows; r++) {
          fold(sum(t, r, 0), t * outBytes + Float.BYTES * r);
        }
      }
    }
    a.add(RSI, -done * elementBytes);
    a.add(R10, (long) s.tokens() * tokenBytes - done * Float.BYTES);
    a.add(RDX, (long) s.tokens() * outBytes);
    a.decrement(RAX);
    a.jumpIfNotZero(nextGroup);
    a.add(RSI, (long) rows * rowBytes);
    a.add(R11, (long) rows * Float.BYTES);
    a.decrement(R9);
    a.jumpIfNotZero(nextTile);
    a.endAndReturn();
    return a.code();
  }

  /** Sixteen values of k, {@code ahead} steps behind the pointers. */
  private void step(int ahead, int rowBytes, int tokenBytes) {
    int perVector = bits / 32;
    for (int half = 0; half < halves; half++) {
      int k = ahead * STEP + half * perVector;
      for (int r = 0; r < rows; r++) {
        load(weights + r, r * rowBytes + k * elementBytes);
      }
      for (int t = 0; t < s.tokens(); t++) {
        a.memory(Op.VMOVDQU, bits, x, R10, t * tokenBytes + k * Float.BYTES);
        for (int r = 0; r < rows; r++) {
          a.vector(Op.VFMADD231PS, bits, sum(t, r, half), weights + r, x);
        }
      }
    }
  }

  /** A vector of weights as floats, exactly. */
  private void load(int to, int at) {
    switch (s.dtype()) {
      case F32 -> a.memory(Op.VMOVDQU, bits, to, RSI, at);
      case F16 -> a.memory(Op.VCVTPH2PS, bits, to, RSI, at);
      case BF16 -> {
        a.memory(Op.VPMOVZXWD, bits, to, RSI, at);
        a.shift(Op.VPSHIFTD, bits, to, to, -16);
      }
      default -> throw new AssertionError("no plain numbers: " + s.dtype());
    }
  }

  /** The trees of a token's four rows at once; their results lie beside each other. */
  private void foldFour(int token, int out) {
    int p = sum(token, 0, 0);
    int q = sum(token, 2, 0);
    int t = weights;
    int u = weights + 1;
    addQuarters(p, p, q, t, u, 0x44, 0xEE); // of rows 0 and 2: p[i] + p[i + 8]
    addQuarters(p + 1, p + 1, q + 1, t, u, 0x44, 0xEE); // of rows 1 and 3
    addQuarters(p, p, p + 1, t, u, 0x88, 0xDD); // + p[i + 4], four lanes each of rows 0 2 1 3
    a.vector(Op.VSHUFPS, bits, t, p, p, 0x4E);
    a.vector(Op.VADDPS, bits, p, p, t);
    a.vector(Op.VSHUFPS, bits, t, p, p, 0xB1);
    a.vector(Op.VADDPS, bits, p, p, t);
    a.vector(Op.VEXTRACTI256, 512, p, 0, t, 1);
    a.vector(Op.VSHUFPS, 256, p, p, t, 0); // rows 0 0 1 1, 2 2 3 3
    a.vector(Op.VEXTRACTI128, 256, p, 0, t, 1);
    a.vector(Op.VSHUFPS, 128, p, p, t, 0x88);
    a.memory(Op.VMOVDQU_STORE, 128, p, RDX, out);
  }

  private void addQuarters(int to, int v, int w, int t, int u, int first, int second) {
    a.vector(Op.VSHUFI32X4, bits, t, v, w, first);
    a.vector(Op.VSHUFI32X4, bits, u, v, w, second);
    a.vector(Op.VADDPS, bits, to, t, u);
  }

  /** The tree over sixteen partial sums. */
  private void fold(int p, int out) {
    int t = weights;
    if (wide) {
      a.vector(Op.VEXTRACTI256, 512, p, 0, t, 1);
      a.vector(Op.VADDPS, 256, p, p, t);
    } else {
      a.vector(Op.VADDPS, 256, p, p, p + 1);
    }
    a.vector(Op.VEXTRACTI128, 256, p, 0, t, 1);
    a.vector(Op.VADDPS, 128, p, p, t);
    a.vector(Op.VSHUFPS, 128, t, p, p, 0x4E);
    a.vector(Op.VADDPS, 128, p, p, t);
    a.vector(Op.VSHUFPS, 128, t, p, p, 0xB1);
    a.vector(Op.VADDPS, 128, p, p, t);
    a.memory(Op.VMOVSS_STORE, 128, p, RDX, out);
  }
}
