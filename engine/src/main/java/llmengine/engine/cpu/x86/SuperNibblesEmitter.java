// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu.x86;

import static llmengine.engine.cpu.x86.Assembler.R8;
import static llmengine.engine.cpu.x86.Assembler.RAX;
import static llmengine.engine.cpu.x86.Assembler.RDX;
import static llmengine.engine.cpu.x86.Assembler.RSI;

import llmengine.engine.CodeLayout;

/** Emits the loads of {@link CodeLayout.SuperNibbles}. */
final class SuperNibblesEmitter extends BlockEmitter {
  private static final int LOW_SIX = 0x3F3F3F3F;
  private static final int HALVES = 0x0F0F0F0F;
  private static final int TOP = 0x30303030;

  private final CodeLayout.SuperNibbles layout;

  SuperNibblesEmitter(Assembler a, Isa isa, CodeLayout.SuperNibbles layout) {
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
