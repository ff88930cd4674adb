// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu.x86;

import static llmengine.engine.cpu.x86.Assembler.RAX;
import static llmengine.engine.cpu.x86.Assembler.RDI;
import static llmengine.engine.cpu.x86.Assembler.RDX;
import static llmengine.engine.cpu.x86.Assembler.RSI;

import llmengine.engine.CodeLayout;

/**
 * Emits what kernels need of one {@link CodeLayout}: codes as bytes, scales and minimums as floats.
 * Weights lie at RSI; with 512 bits, those of a second row at RDX go to the upper half of codes,
 * and to every second four lanes of scales. RAX, R8 and mask 2 are free to use, mask 1 is kept.
 */
abstract sealed class BlockEmitter
    permits SignedBytesEmitter, NibblesEmitter, SuperNibblesEmitter, SixBitsEmitter {
  private static final int UPPER = 1; // mask of the upper half

  final Assembler a;
  final Isa isa;
  final int bits;
  final boolean wide;
  private final CodeLayout layout;

  BlockEmitter(Assembler a, Isa isa, CodeLayout layout) {
    this.a = a;
    this.isa = isa;
    this.bits = isa.bits;
    this.wide = bits == 512;
    this.layout = layout;
  }

  static BlockEmitter of(Assembler a, Isa isa, CodeLayout layout) {
    return switch (layout) {
      case CodeLayout.Bytes bytes -> new SignedBytesEmitter(a, isa, bytes);
      case CodeLayout.Nibbles nibbles -> new NibblesEmitter(a, isa, nibbles);
      case CodeLayout.SuperNibbles nibbles -> new SuperNibblesEmitter(a, isa, nibbles);
      case CodeLayout.SixBits six -> new SixBitsEmitter(a, isa, six);
    };
  }

  CodeLayout layout() {
    return layout;
  }

  /** What must be in registers from the start. */
  void begin() {
    if (wide) {
      a.move32(RAX, 0xFF00);
      a.mask32(UPPER, RAX);
    }
  }

  /** Codes of blocks i and, if it exists, i + 1 of a group. */
  abstract void load(int i, int first, int second, boolean both);

  /** Scales and, if there are any, minimums of a group's first {@code count} blocks. */
  abstract void scales(int count, int scale, int minimum, int t, int t1, int t2);

  /** What loaded codes are more than the real ones; a power of two or 0. */
  abstract int bias();

  /** Whether loaded codes have a sign. */
  boolean isSigned() {
    return false;
  }

  /** 1 if minimums are added, -1 if they are subtracted, 0 if there are none. */
  int minimumSign() {
    return 0;
  }

  /** Whether 16 values have a scale of their own, an integer. */
  boolean hasHalfScales() {
    return false;
  }

  /** Those scales, in the order of the sums of blocks 0-3 and 4-7. */
  void halfScales(int first, int second) {
    throw new AssertionError("no scales of 16 values: " + layout);
  }

  /** 32 bytes of each row. */
  final void load32(int to, int at) {
    a.memory(Op.VMOVDQU, 256, to, RSI, at);
    if (wide) {
      a.memory(Op.VINSERTI256, 512, to, to, RDX, at, 1);
    }
  }

  /** 16 bytes of each row, twice. */
  final void load16(int to, int at) {
    a.memory(Op.VBROADCASTI128, bits, to, RSI, at);
    if (wide) {
      a.under(UPPER).memory(Op.VBROADCASTI128, bits, to, RDX, at);
    }
  }

  final void and(int to, Constants mask) {
    constant(Op.VPAND, bits, to, mask);
  }

  /** to = op(to, constant). */
  final void constant(Op op, int bits, int to, Constants constant) {
    a.memory(op, bits, to, to, RDI, ProductEmitter.constant(constant));
  }

  /** Halves at {@code at} of {@code count} blocks as floats. */
  final void halves(int count, int at, int to, int t) {
    int stride = layout.blockBytes();
    a.vector(Op.VPXOR, 128, to, to, to);
    for (int i = 0; i < Math.min(count, wide ? 4 : 8); i++) {
      a.memory(Op.VPINSRW, 128, to, to, RSI, at + i * stride, i);
      if (wide) {
        a.memory(Op.VPINSRW, 128, to, to, RDX, at + i * stride, 4 + i);
      }
    }
    if (wide && count > 4) {
      a.vector(Op.VPXOR, 128, t, t, t);
      for (int i = 4; i < count; i++) {
        a.memory(Op.VPINSRW, 128, t, t, RSI, at + i * stride, i - 4);
        a.memory(Op.VPINSRW, 128, t, t, RDX, at + i * stride, i);
      }
      a.vector(Op.VINSERTI128, 256, to, to, t, 1);
    }
    a.vector(Op.VCVTPH2PS, bits, to, to);
  }

  /** One half of each row as floats in all its lanes. */
  final void half(int at, int to, int t) {
    a.vector(Op.VPXOR, 128, to, to, to);
    a.memory(Op.VPINSRW, 128, to, to, RSI, at, 0);
    if (wide) {
      a.memory(Op.VPINSRW, 128, to, to, RDX, at, 1);
    }
    a.vector(Op.VCVTPH2PS, 128, to, to);
    if (wide) {
      a.vector(Op.VSHUFPS, 128, t, to, to, 0x55);
      a.vector(Op.VSHUFPS, 128, to, to, to, 0);
      a.vector(Op.VINSERTI128, 256, to, to, t, 1);
      a.vector(Op.VINSERTI256, 512, to, to, to, 1);
    } else {
      a.vector(Op.VBROADCASTSS, bits, to, to);
    }
  }
}
