// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu.x86;

import static llmengine.engine.cpu.x86.Assembler.R8;
import static llmengine.engine.cpu.x86.Assembler.RAX;
import static llmengine.engine.cpu.x86.Assembler.RDI;
import static llmengine.engine.cpu.x86.Assembler.RDX;
import static llmengine.engine.cpu.x86.Assembler.RSI;

import llmengine.engine.CodeLayout;

/** Emits the loads of {@link CodeLayout.Nibbles}. */
final class NibblesEmitter extends BlockEmitter {
  private final CodeLayout.Nibbles layout;

  NibblesEmitter(Assembler a, Isa isa, CodeLayout.Nibbles layout) {
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
    constant(Op.VPSRLVD, bits, to, Constants.HALVES);
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
      constant(Op.VPSHUFB, bits, free, Constants.SPREAD);
      and(free, Constants.BITS);
      constant(Op.VPCMPEQB, bits, free, Constants.BITS);
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
