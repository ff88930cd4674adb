// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu.x86;

import static llmengine.engine.cpu.x86.Assembler.R8;
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
abstract sealed class BlockEmitter {
  private static final int UPPER = 1; // mask of the upper half

  final Assembler a;
  final Isa isa;
  final int bits;
  final boolean wide;
  private final CodeLayout layout;

  private BlockEmitter(Assembler a, Isa isa, CodeLayout layout) {
    this.a = a;
    this.isa = isa;
    this.bits = isa.bits;
    this.wide = bits == 512;
    this.layout = layout;
  }

  static BlockEmitter of(Assembler a, Isa isa, CodeLayout layout) {
    return switch (layout) {
      case CodeLayout.Bytes bytes -> new SignedBytes(a, isa, bytes);
      case CodeLayout.Nibbles nibbles -> new Halves(a, isa, nibbles);
      case CodeLayout.SuperNibbles nibbles -> new SuperHalves(a, isa, nibbles);
      case CodeLayout.SixBits six -> new SixBits(a, isa, six);
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
    a.memory(Op.VPAND, bits, to, to, RDI, ProductEmitter.constant(mask));
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

  private static final class SignedBytes extends BlockEmitter {
    private final CodeLayout.Bytes layout;

    SignedBytes(Assembler a, Isa isa, CodeLayout.Bytes layout) {
      super(a, isa, layout);
      this.layout = layout;
    }

    @Override
    void load(int i, int first, int second, boolean both) {
      signed(i, first);
      if (both) {
        signed(i + 1, second);
      }
    }

    private void signed(int i, int to) {
      load32(to, i * layout.blockBytes() + layout.codesAt());
      if (isa.dots()) { // they want an unsigned and a signed operand
        a.memory(Op.VPXOR, bits, to, to, RDI, ProductEmitter.constant(Constants.SIGN_BITS));
      }
    }

    @Override
    void scales(int count, int scale, int minimum, int t, int t1, int t2) {
      halves(count, layout.scaleAt(), scale, t);
    }

    @Override
    int bias() {
      return isa.dots() ? 128 : 0;
    }

    @Override
    boolean isSigned() {
      return !isa.dots();
    }
  }

  private static final class Halves extends BlockEmitter {
    private final CodeLayout.Nibbles layout;

    Halves(Assembler a, Isa isa, CodeLayout.Nibbles layout) {
      super(a, isa, layout);
      this.layout = layout;
    }

    @Override
    void load(int i, int first, int second, boolean both) {
      nibbles(i * layout.blockBytes(), first, second);
      if (both) {
        nibbles((i + 1) * layout.blockBytes(), second, 2);
      }
    }

    /** {@code free} is a register that may be overwritten. */
    private void nibbles(int block, int to, int free) {
      load16(to, block + layout.codesAt());
      a.memory(Op.VPSRLVD, bits, to, to, RDI, ProductEmitter.constant(Constants.HALVES));
      and(to, Constants.LOW_HALVES);
      if (layout.fifthBitsAt() < 0) {
        return;
      }
      int at = block + layout.fifthBitsAt();
      if (wide) {
        a.load32(RAX, RDX, at);
        a.shiftLeft(RAX, 32);
        a.load32(R8, RSI, at);
        a.or(RAX, R8);
        a.mask64(2, RAX);
        a.under(2)
            .memory(Op.VPADDB, bits, to, to, RDI, ProductEmitter.constant(Constants.FIFTH_BITS));
      } else {
        a.memory(Op.VPBROADCASTD, bits, free, RSI, at);
        a.memory(Op.VPSHUFB, bits, free, free, RDI, ProductEmitter.constant(Constants.SPREAD));
        and(free, Constants.BITS);
        a.memory(Op.VPCMPEQB, bits, free, free, RDI, ProductEmitter.constant(Constants.BITS));
        and(free, Constants.FIFTH_BITS);
        a.vector(Op.VPOR, bits, to, to, free);
      }
    }

    @Override
    void scales(int count, int scale, int minimum, int t, int t1, int t2) {
      halves(count, layout.scaleAt(), scale, t);
      if (layout.minimumAt() >= 0) {
        halves(count, layout.minimumAt(), minimum, t);
      }
    }

    @Override
    int bias() {
      return layout.offset();
    }

    @Override
    int minimumSign() {
      return layout.minimumAt() >= 0 ? 1 : 0;
    }
  }

  private static final class SuperHalves extends BlockEmitter {
    private static final int LOW_SIX = 0x3F3F3F3F;
    private static final int HALVES = 0x0F0F0F0F;
    private static final int TOP = 0x30303030;

    private final CodeLayout.SuperNibbles layout;

    SuperHalves(Assembler a, Isa isa, CodeLayout.SuperNibbles layout) {
      super(a, isa, layout);
      this.layout = layout;
    }

    @Override
    void load(int i, int first, int second, boolean both) {
      load32(first, layout.codesAt() + 16 * i);
      a.shift(Op.VPSHIFTW, bits, second, first, 4);
      and(first, Constants.LOW_HALVES);
      and(second, Constants.LOW_HALVES);
      if (layout.fifthBitsAt() >= 0) {
        fifth(i, first);
        fifth(i + 1, second);
      }
    }

    private void fifth(int group, int to) {
      int t = 2;
      load32(t, layout.fifthBitsAt());
      if (group != 4) {
        a.shift(Op.VPSHIFTW, bits, t, t, group - 4);
      }
      and(t, Constants.FIFTH_BITS);
      a.vector(Op.VPOR, bits, to, to, t);
    }

    @Override
    void scales(int count, int scale, int minimum, int t, int t1, int t2) {
      int s = layout.sixBitsAt();
      six(RSI, s, 0, t, 0);
      six(RSI, s + 4, 4, t1, 0);
      if (wide) {
        six(RDX, s, 0, t, 1);
        six(RDX, s + 4, 4, t1, 1);
      }
      half(layout.scaleAt(), scale, t2);
      half(layout.minimumAt(), minimum, t2);
      multiply(scale, t);
      multiply(minimum, t1);
    }

    /**
     * Eight numbers of six bits: the low ones at {@code at}, the halves of the others in bytes 8 to
     * 11 of the twelve, from bit {@code shift} on. With two rows the words alternate.
     */
    private void six(int row, int at, int shift, int to, int which) {
      int rest = layout.sixBitsAt() + 8;
      a.load32(RAX, row, at);
      a.load32(R8, row, at);
      a.and32(RAX, LOW_SIX);
      if (which == 0) {
        a.vector(Op.VMOVD, 128, to, RAX);
      } else {
        a.vector(Op.VPINSRD, 128, to, to, RAX, 1);
      }
      a.shiftRight32(R8, 2);
      a.and32(R8, TOP);
      a.load32(RAX, row, rest);
      if (shift > 0) {
        a.shiftRight32(RAX, shift);
      }
      a.and32(RAX, HALVES);
      a.or(RAX, R8);
      a.vector(Op.VPINSRD, 128, to, to, RAX, wide ? 2 + which : 1);
    }

    private void multiply(int to, int integers) {
      a.vector(Op.VPMOVZXBD, bits, integers, integers);
      a.vector(Op.VCVTDQ2PS, bits, integers, integers);
      a.vector(Op.VMULPS, bits, to, to, integers);
    }

    @Override
    int bias() {
      return 0;
    }

    @Override
    int minimumSign() {
      return -1;
    }
  }

  private static final class SixBits extends BlockEmitter {
    private final CodeLayout.SixBits layout;

    SixBits(Assembler a, Isa isa, CodeLayout.SixBits layout) {
      super(a, isa, layout);
      this.layout = layout;
    }

    @Override
    void load(int i, int first, int second, boolean both) {
      six(i, first);
      six(i + 1, second);
    }

    private void six(int i, int to) {
      int t = 2;
      int part = i / 4;
      int quarter = i % 4;
      load32(to, layout.codesAt() + 64 * part + 32 * (quarter % 2));
      if (quarter >= 2) {
        a.shift(Op.VPSHIFTW, bits, to, to, 4);
      }
      and(to, Constants.LOW_HALVES);
      load32(t, layout.topBitsAt() + 32 * part);
      if (quarter != 2) {
        a.shift(Op.VPSHIFTW, bits, t, t, 2 * quarter - 4);
      }
      and(t, Constants.TOP_BITS);
      a.vector(Op.VPOR, bits, to, to, t);
    }

    @Override
    void scales(int count, int scale, int minimum, int t, int t1, int t2) {
      half(layout.scaleAt(), scale, t);
    }

    @Override
    boolean hasHalfScales() {
      return true;
    }

    @Override
    void halfScales(int first, int second) {
      order(first, RSI);
      if (wide) {
        order(second, RDX);
        a.vector(Op.VPUNPCKLQDQ, 128, 2, first, second);
        a.vector(Op.VPUNPCKHQDQ, 128, second, first, second);
        a.vector(Op.VPMOVSXBD, bits, first, 2);
      } else {
        a.vector(Op.VPUNPCKHQDQ, 128, second, first, first);
        a.vector(Op.VPMOVSXBD, bits, first, first);
      }
      a.vector(Op.VPMOVSXBD, bits, second, second);
    }

    private void order(int to, int row) {
      a.memory(Op.VMOVDQU, 128, to, row, layout.scalesAt());
      a.memory(Op.VPSHUFB, 128, to, to, RDI, ProductEmitter.constant(Constants.SIXTEENS));
    }

    @Override
    int bias() {
      return 32;
    }
  }
}
