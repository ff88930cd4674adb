// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu.x86;

/**
 * The vector instructions that kernels are made of, as the Intel manual (volume 2) encodes them:
 * opcode map, mandatory prefix, opcode, and the W bit of either encoding.
 */
enum Op {
  // Moves. VMOVDQU is vmovdqu32 in EVEX.
  VMOVDQU(1, 2, 0x6F),
  VMOVDQU_STORE(1, 2, 0x7F),
  VMOVD(1, 1, 0x6E),
  VMOVSS_STORE(1, 2, 0x11),
  VBROADCASTSS(2, 1, 0x18),
  VPBROADCASTD(2, 1, 0x58),
  VPBROADCASTQ(2, 1, 0x59, 0, 1),
  VBROADCASTI128(2, 1, 0x5A),
  VBROADCASTI256(2, 1, 0x5B, 0, 1), // vbroadcasti64x4
  VINSERTI128(3, 1, 0x38),
  VINSERTI256(3, 1, 0x3A, 0, 1), // vinserti64x4
  VEXTRACTI128(3, 1, 0x39),
  VEXTRACTI256(3, 1, 0x3B, 0, 1), // vextracti64x4
  VPINSRW(1, 1, 0xC4),
  VPINSRD(3, 1, 0x22),

  // Integers.
  VPADDB(1, 1, 0xFC),
  VPADDD(1, 1, 0xFE),
  VPSUBD(1, 1, 0xFA),
  VPMULLD(2, 1, 0x40),
  VPAND(1, 1, 0xDB),
  VPOR(1, 1, 0xEB),
  VPXOR(1, 1, 0xEF),
  VPCMPEQB(1, 1, 0x74),
  VPABSB(2, 1, 0x1C),
  VPSIGNB(2, 1, 0x08), // VEX only
  VPSRLVD(2, 1, 0x45),
  VPSHIFTW(1, 1, 0x71), // /2 right, /6 left
  VPSHIFTD(1, 1, 0x72),
  VPMADDUBSW(2, 1, 0x04),
  VPMADDWD(1, 1, 0xF5),
  VPDPBUSD(2, 1, 0x50),
  VPMOVSXBD(2, 1, 0x21),
  VPMOVZXBD(2, 1, 0x31),
  VPMOVZXWD(2, 1, 0x33),

  // Order of lanes.
  VSHUFPS(1, 0, 0xC6),
  VPSHUFB(2, 1, 0x00),
  VPUNPCKLQDQ(1, 1, 0x6C, 0, 1),
  VPUNPCKHQDQ(1, 1, 0x6D, 0, 1),
  VPERM2I128(3, 1, 0x46), // VEX only
  VSHUFI32X4(3, 1, 0x43), // EVEX only

  // Floats.
  VADDPS(1, 0, 0x58),
  VMULPS(1, 0, 0x59),
  VFMADD231PS(2, 1, 0xB8),
  VFNMADD231PS(2, 1, 0xBC),
  VCVTDQ2PS(1, 0, 0x5B),
  VCVTPH2PS(2, 1, 0x13);

  final int map;
  final int prefix;
  final int opcode;
  final int vexW;
  final int evexW;

  Op(int map, int prefix, int opcode) {
    this(map, prefix, opcode, 0, 0);
  }

  Op(int map, int prefix, int opcode, int vexW, int evexW) {
    this.map = map;
    this.prefix = prefix;
    this.opcode = opcode;
    this.vexW = vexW;
    this.evexW = evexW;
  }
}
