// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu.x86;

import static llmengine.engine.cpu.x86.Assembler.RDX;
import static llmengine.engine.cpu.x86.Assembler.RSI;

import llmengine.engine.CodeLayout;

/** Emits the loads of {@link CodeLayout.SixBits}. */
final class SixBitsEmitter extends BlockEmitter {
  private final CodeLayout.SixBits layout;

  SixBitsEmitter(Assembler a, Isa isa, CodeLayout.SixBits layout) {
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
    constant(Op.VPSHUFB, 128, to, Constants.SIXTEENS);
  }

  @Override
  int bias() {
    return 32;
  }
}
