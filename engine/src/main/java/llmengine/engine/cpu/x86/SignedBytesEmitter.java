// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu.x86;

import llmengine.engine.CodeLayout;

/** Emits the loads of {@link CodeLayout.Bytes}. */
final class SignedBytesEmitter extends BlockEmitter {
  private final CodeLayout.Bytes layout;

  SignedBytesEmitter(Assembler a, Isa isa, CodeLayout.Bytes layout) {
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
      constant(Op.VPXOR, bits, to, Constants.SIGN_BITS);
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
