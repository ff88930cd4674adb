// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu.x86;

import java.util.Arrays;

/**
 * Writes x86-64 machine code: the few general instructions that loops need, and vector instructions
 * of three operands in VEX or EVEX encoding. Registers are numbers: general ones as the
 * architecture counts them ({@link #RAX} ...), vectors 0 to 31, masks 0 to 7. A memory operand is a
 * base register and a displacement.
 */
final class Assembler {
  static final int RAX = 0;
  static final int RCX = 1;
  static final int RDX = 2;
  static final int RSI = 6;
  static final int RDI = 7;
  static final int R8 = 8;
  static final int R9 = 9;
  static final int R10 = 10;
  static final int R11 = 11;

  private static final int NO_IMMEDIATE = -1;

  private byte[] code = new byte[1024];
  private int size;
  private int mask; // of the next vector instruction
  private boolean broadcast;

  byte[] code() {
    return Arrays.copyOf(code, size);
  }

  /** The place of the next instruction, for {@link #jumpIfNotZero}. */
  int label() {
    return size;
  }

  private void bytes(int... values) {
    if (size + values.length > code.length) {
      code = Arrays.copyOf(code, 2 * code.length);
    }
    for (int value : values) {
      code[size++] = (byte) value;
    }
  }

  private void word(int value) {
    bytes(value, value >> 8, value >> 16, value >> 24);
  }

  // ---- general registers

  /** to (64 bits) = memory. */
  void load64(int to, int base, int displacement) {
    bytes(0x48 | (to >> 3) << 2 | base >> 3, 0x8B);
    memory(to, base, displacement);
  }

  /** to (32 bits, the rest cleared) = memory. */
  void load32(int to, int base, int displacement) {
    bytes(0x40 | (to >> 3) << 2 | base >> 3, 0x8B);
    memory(to, base, displacement);
  }

  /** to = from, 64 bits. */
  void move(int to, int from) {
    registers(0x48, 0x8B, to, from);
  }

  /** to += from, 64 bits. */
  void add(int to, int from) {
    registers(0x48, 0x03, to, from);
  }

  /** to |= from, 64 bits. */
  void or(int to, int from) {
    registers(0x48, 0x0B, to, from);
  }

  private void registers(int rex, int opcode, int reg, int rm) {
    bytes(rex | (reg >> 3) << 2 | rm >> 3, opcode, 0xC0 | (reg & 7) << 3 | rm & 7);
  }

  /** to += value, 64 bits. */
  void add(int to, long value) {
    immediate(0x48, 0, to, value);
  }

  /** to &= value, 32 bits. */
  void and32(int to, int value) {
    immediate(0x40, 4, to, value);
  }

  private void immediate(int rex, int extension, int to, long value) {
    bytes(rex | to >> 3, 0x81, 0xC0 | extension << 3 | to & 7);
    word((int) value);
  }

  /** to = value, 32 bits, the rest cleared. */
  void move32(int to, int value) {
    if (to > 7) {
      bytes(0x41);
    }
    bytes(0xB8 | to & 7);
    word(value);
  }

  /** to >>>= bits, 32 bits. */
  void shiftRight32(int to, int bits) {
    bytes(0x40 | to >> 3, 0xC1, 0xC0 | 5 << 3 | to & 7, bits);
  }

  /** to <<= bits, 64 bits. */
  void shiftLeft(int to, int bits) {
    bytes(0x48 | to >> 3, 0xC1, 0xC0 | 4 << 3 | to & 7, bits);
  }

  /** Sets the zero flag if the register is 0. */
  void test(int register) {
    registers(0x48, 0x85, register, register);
  }

  /** register -= 1, and the zero flag. */
  void decrement(int register) {
    bytes(0x48 | register >> 3, 0xFF, 0xC8 | register & 7);
  }

  void jumpIfNotZero(int label) {
    bytes(0x0F, 0x85);
    word(label - (size + 4));
  }

  /** A jump to a place that is not known yet: {@link #land} with what this returns. */
  int jumpIfZero() {
    bytes(0x0F, 0x84);
    word(0);
    return size;
  }

  void land(int jump) {
    int distance = size - jump;
    for (int i = 0; i < 4; i++) {
      code[jump - 4 + i] = (byte) (distance >> 8 * i);
    }
  }

  void prefetch(int base, int displacement) {
    bytes(0x40 | base >> 3, 0x0F, 0x18);
    memory(1, base, displacement);
  }

  void endAndReturn() {
    bytes(0xC5, 0xF8, 0x77, 0xC3); // vzeroupper, ret
  }

  /** mask = the low 32 bits of a general register. */
  void mask32(int mask, int from) {
    bytes(0xC4, from > 7 ? 0xC1 : 0xE1, 0x7B, 0x92, 0xC0 | mask << 3 | from & 7); // kmovd
  }

  /** mask = a general register. */
  void mask64(int mask, int from) {
    bytes(0xC4, from > 7 ? 0xC1 : 0xE1, 0xFB, 0x92, 0xC0 | mask << 3 | from & 7); // kmovq
  }

  // ---- vectors

  /** The next vector instruction writes only lanes whose bit is set in the mask (1 to 7). */
  Assembler under(int mask) {
    this.mask = mask;
    return this;
  }

  /** The memory operand of the next vector instruction is one 32-bit element for all lanes. */
  Assembler broadcasting() {
    this.broadcast = true;
    return this;
  }

  /** to = op(a, b). */
  void vector(Op op, int bits, int to, int a, int b) {
    vector(op, bits, to, a, b, NO_IMMEDIATE);
  }

  /** to = op(a, b, immediate). */
  void vector(Op op, int bits, int to, int a, int b, int immediate) {
    prefix(op, bits, to, a, b >> 3 & 1, b >> 4);
    bytes(0xC0 | (to & 7) << 3 | b & 7);
    if (immediate >= 0) {
      bytes(immediate);
    }
  }

  /** to = op(b), for instructions of two operands. */
  void vector(Op op, int bits, int to, int b) {
    vector(op, bits, to, 0, b);
  }

  /** to = op(a, memory). */
  void memory(Op op, int bits, int to, int a, int base, int displacement) {
    memory(op, bits, to, a, base, displacement, NO_IMMEDIATE);
  }

  /** to = op(a, memory, immediate). */
  void memory(Op op, int bits, int to, int a, int base, int displacement, int immediate) {
    prefix(op, bits, to, a, base >> 3, 0);
    memory(to, base, displacement);
    if (immediate >= 0) {
      bytes(immediate);
    }
  }

  /** to = op(memory) or, for a store, memory = to. */
  void memory(Op op, int bits, int to, int base, int displacement) {
    memory(op, bits, to, 0, base, displacement);
  }

  /** to = from shifted by {@code right} bits, or left if that is negative. */
  void shift(Op op, int bits, int to, int from, int right) {
    vector(op, bits, right < 0 ? 6 : 2, to, from, Math.abs(right));
  }

  /**
   * The prefix and the opcode. {@code v} is the operand in vvvv, {@code rm3} and {@code rm4} the
   * upper bits of the last operand.
   */
  private void prefix(Op op, int bits, int reg, int v, int rm3, int rm4) {
    boolean evex = bits == 512 || mask != 0 || broadcast || reg > 15 || v > 15 || rm4 != 0;
    int vvvv = ~v & 15;
    if (evex) {
      bytes(
          0x62,
          (~reg >> 3 & 1) << 7 | (1 - rm4) << 6 | (1 - rm3) << 5 | (~reg >> 4 & 1) << 4 | op.map,
          op.evexW << 7 | vvvv << 3 | 4 | op.prefix,
          (bits >> 8) << 5 | (broadcast ? 16 : 0) | (~v >> 4 & 1) << 3 | mask);
    } else {
      bytes(
          0xC4,
          (~reg >> 3 & 1) << 7 | 0x40 | (1 - rm3) << 5 | op.map,
          op.vexW << 7 | vvvv << 3 | (bits == 256 ? 4 : 0) | op.prefix);
    }
    bytes(op.opcode);
    mask = 0;
    broadcast = false;
  }

  /** ModRM, SIB and displacement; 32 bits wide if any, since EVEX scales shorter ones. */
  private void memory(int reg, int base, int displacement) {
    boolean none = displacement == 0 && (base & 7) != 5;
    bytes((none ? 0 : 0x80) | (reg & 7) << 3 | base & 7);
    if ((base & 7) == 4) {
      bytes(0x24);
    }
    if (!none) {
      word(displacement);
    }
  }
}
