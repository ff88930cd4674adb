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
import static org.assertj.core.api.Assertions.assertThat;

import java.util.HexFormat;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * Encodings against those of the GNU assembler (binutils), recorded: with three bytes of VEX prefix
 * and displacements of 32 bits, as {@link Assembler} always writes them.
 */
class AssemblerTest {
  private record Case(String text, Consumer<Assembler> emit, String bytes) {}

  private static final List<Case> CASES =
      List.of(
          new Case("mov r9, [rdi+16]", a -> a.load64(R9, RDI, 16), "4c8b8f10000000"),
          new Case("mov eax, [r11+8]", a -> a.load32(RAX, R11, 8), "418b8308000000"),
          new Case("mov rsi, r10", a -> a.move(RSI, R10), "498bf2"),
          new Case("add r8, rdx", a -> a.add(R8, RDX), "4c03c2"),
          new Case("or rax, r8", a -> a.or(RAX, R8), "490bc0"),
          new Case("add rcx, 4096", a -> a.add(RCX, 4096L), "4881c100100000"),
          new Case("and r8d, 0x3F3F3F3F", a -> a.and32(R8, 0x3F3F3F3F), "4181e03f3f3f3f"),
          new Case("mov eax, 0xFF00", a -> a.move32(RAX, 0xFF00), "b800ff0000"),
          new Case("mov r9d, 7", a -> a.move32(R9, 7), "41b907000000"),
          new Case("shr r8d, 2", a -> a.shiftRight32(R8, 2), "41c1e802"),
          new Case("shl rax, 32", a -> a.shiftLeft(RAX, 32), "48c1e020"),
          new Case("test r9, r9", a -> a.test(R9), "4d85c9"),
          new Case("dec r10", a -> a.decrement(R10), "49ffca"),
          new Case("prefetcht0 [r9+512]", a -> a.prefetch(R9, 512), "410f188900020000"),
          new Case("kmovd k1, eax", a -> a.mask32(1, RAX), "c4e17b92c8"),
          new Case("kmovq k2, r8", a -> a.mask64(2, R8), "c4c1fb92d0"),
          new Case("vzeroupper; ret", a -> a.endAndReturn(), "c5f877c3"),
          new Case(
              "vmovdqu ymm9, [rsi+64]",
              a -> a.memory(Op.VMOVDQU, 256, 9, RSI, 64),
              "c4617e6f8e40000000"),
          new Case(
              "vmovdqu32 zmm17, [rsi+64]",
              a -> a.memory(Op.VMOVDQU, 512, 17, RSI, 64),
              "62e17e486f8e40000000"),
          new Case(
              "vmovdqu [r9+32], ymm3",
              a -> a.memory(Op.VMOVDQU_STORE, 256, 3, R9, 32),
              "c4c17e7f9920000000"),
          new Case("vmovd xmm9, eax", a -> a.vector(Op.VMOVD, 128, 9, RAX), "c461796ec8"),
          new Case(
              "vmovss [r11+4], xmm2",
              a -> a.memory(Op.VMOVSS_STORE, 128, 2, R11, 4),
              "c4c17a119304000000"),
          new Case(
              "vbroadcastss ymm3, xmm12", a -> a.vector(Op.VBROADCASTSS, 256, 3, 12), "c4c27d18dc"),
          new Case(
              "vpbroadcastd ymm3, [rsi+12]",
              a -> a.memory(Op.VPBROADCASTD, 256, 3, RSI, 12),
              "c4e27d589e0c000000"),
          new Case(
              "vpbroadcastq zmm20, [rsi+8]",
              a -> a.memory(Op.VPBROADCASTQ, 512, 20, RSI, 8),
              "62e2fd4859a608000000"),
          new Case(
              "vbroadcasti128 ymm8, [rsi+2]",
              a -> a.memory(Op.VBROADCASTI128, 256, 8, RSI, 2),
              "c4627d5a8602000000"),
          new Case(
              "vbroadcasti32x4 zmm8{k1}, [rdx+2]",
              a -> a.under(1).memory(Op.VBROADCASTI128, 512, 8, RDX, 2),
              "62727d495a8202000000"),
          new Case(
              "vbroadcasti64x4 zmm1, [rdi+96]",
              a -> a.memory(Op.VBROADCASTI256, 512, 1, RDI, 96),
              "62f2fd485b8f60000000"),
          new Case(
              "vinserti128 ymm4, ymm4, xmm15, 1",
              a -> a.vector(Op.VINSERTI128, 256, 4, 4, 15, 1),
              "c4c35d38e701"),
          new Case(
              "vinserti64x4 zmm4, zmm4, [rdx+32], 1",
              a -> a.memory(Op.VINSERTI256, 512, 4, 4, RDX, 32, 1),
              "62f3dd483aa22000000001"),
          new Case(
              "vinserti64x4 zmm4, zmm21, ymm30, 1",
              a -> a.vector(Op.VINSERTI256, 512, 4, 21, 30, 1),
              "6293d5403ae601"),
          new Case(
              "vpinsrw xmm5, xmm5, [rsi+34], 3",
              a -> a.memory(Op.VPINSRW, 128, 5, 5, RSI, 34, 3),
              "c4e151c4ae2200000003"),
          new Case(
              "vpinsrd xmm9, xmm9, eax, 1",
              a -> a.vector(Op.VPINSRD, 128, 9, 9, RAX, 1),
              "c4633122c801"),
          new Case(
              "vpaddb ymm9, ymm3, ymm12", a -> a.vector(Op.VPADDB, 256, 9, 3, 12), "c44165fccc"),
          new Case(
              "vpaddb zmm19, zmm26, zmm5",
              a -> a.vector(Op.VPADDB, 512, 19, 26, 5),
              "62e12d40fcdd"),
          new Case(
              "vpaddd ymm9, ymm3, ymm12", a -> a.vector(Op.VPADDD, 256, 9, 3, 12), "c44165fecc"),
          new Case(
              "vpaddd zmm19, zmm26, zmm5",
              a -> a.vector(Op.VPADDD, 512, 19, 26, 5),
              "62e12d40fedd"),
          new Case(
              "vpsubd ymm9, ymm3, ymm12", a -> a.vector(Op.VPSUBD, 256, 9, 3, 12), "c44165facc"),
          new Case(
              "vpsubd zmm19, zmm26, zmm5",
              a -> a.vector(Op.VPSUBD, 512, 19, 26, 5),
              "62e12d40fadd"),
          new Case(
              "vpmulld ymm9, ymm3, ymm12", a -> a.vector(Op.VPMULLD, 256, 9, 3, 12), "c4426540cc"),
          new Case(
              "vpmulld zmm19, zmm26, zmm5",
              a -> a.vector(Op.VPMULLD, 512, 19, 26, 5),
              "62e22d4040dd"),
          new Case("vpand ymm9, ymm3, ymm12", a -> a.vector(Op.VPAND, 256, 9, 3, 12), "c44165dbcc"),
          new Case(
              "vpandd zmm19, zmm26, zmm5", a -> a.vector(Op.VPAND, 512, 19, 26, 5), "62e12d40dbdd"),
          new Case("vpor ymm9, ymm3, ymm12", a -> a.vector(Op.VPOR, 256, 9, 3, 12), "c44165ebcc"),
          new Case(
              "vpord zmm19, zmm26, zmm5", a -> a.vector(Op.VPOR, 512, 19, 26, 5), "62e12d40ebdd"),
          new Case("vpxor ymm9, ymm3, ymm12", a -> a.vector(Op.VPXOR, 256, 9, 3, 12), "c44165efcc"),
          new Case(
              "vpxord zmm19, zmm26, zmm5", a -> a.vector(Op.VPXOR, 512, 19, 26, 5), "62e12d40efdd"),
          new Case(
              "vpcmpeqb ymm9, ymm3, ymm12",
              a -> a.vector(Op.VPCMPEQB, 256, 9, 3, 12),
              "c4416574cc"),
          new Case(
              "vpsignb ymm9, ymm3, ymm12", a -> a.vector(Op.VPSIGNB, 256, 9, 3, 12), "c4426508cc"),
          new Case(
              "vpsrlvd ymm9, ymm3, ymm12", a -> a.vector(Op.VPSRLVD, 256, 9, 3, 12), "c4426545cc"),
          new Case(
              "vpsrlvd zmm19, zmm26, zmm5",
              a -> a.vector(Op.VPSRLVD, 512, 19, 26, 5),
              "62e22d4045dd"),
          new Case(
              "vpmaddubsw ymm9, ymm3, ymm12",
              a -> a.vector(Op.VPMADDUBSW, 256, 9, 3, 12),
              "c4426504cc"),
          new Case(
              "vpmaddubsw zmm19, zmm26, zmm5",
              a -> a.vector(Op.VPMADDUBSW, 512, 19, 26, 5),
              "62e22d4004dd"),
          new Case(
              "vpmaddwd ymm9, ymm3, ymm12",
              a -> a.vector(Op.VPMADDWD, 256, 9, 3, 12),
              "c44165f5cc"),
          new Case(
              "vpmaddwd zmm19, zmm26, zmm5",
              a -> a.vector(Op.VPMADDWD, 512, 19, 26, 5),
              "62e12d40f5dd"),
          new Case(
              "vpshufb ymm9, ymm3, ymm12", a -> a.vector(Op.VPSHUFB, 256, 9, 3, 12), "c4426500cc"),
          new Case(
              "vpshufb zmm19, zmm26, zmm5",
              a -> a.vector(Op.VPSHUFB, 512, 19, 26, 5),
              "62e22d4000dd"),
          new Case(
              "vpunpcklqdq ymm9, ymm3, ymm12",
              a -> a.vector(Op.VPUNPCKLQDQ, 256, 9, 3, 12),
              "c441656ccc"),
          new Case(
              "vpunpcklqdq zmm19, zmm26, zmm5",
              a -> a.vector(Op.VPUNPCKLQDQ, 512, 19, 26, 5),
              "62e1ad406cdd"),
          new Case(
              "vpunpckhqdq ymm9, ymm3, ymm12",
              a -> a.vector(Op.VPUNPCKHQDQ, 256, 9, 3, 12),
              "c441656dcc"),
          new Case(
              "vpunpckhqdq zmm19, zmm26, zmm5",
              a -> a.vector(Op.VPUNPCKHQDQ, 512, 19, 26, 5),
              "62e1ad406ddd"),
          new Case(
              "vaddps ymm9, ymm3, ymm12", a -> a.vector(Op.VADDPS, 256, 9, 3, 12), "c4416458cc"),
          new Case(
              "vaddps zmm19, zmm26, zmm5",
              a -> a.vector(Op.VADDPS, 512, 19, 26, 5),
              "62e12c4058dd"),
          new Case(
              "vmulps ymm9, ymm3, ymm12", a -> a.vector(Op.VMULPS, 256, 9, 3, 12), "c4416459cc"),
          new Case(
              "vmulps zmm19, zmm26, zmm5",
              a -> a.vector(Op.VMULPS, 512, 19, 26, 5),
              "62e12c4059dd"),
          new Case(
              "vfmadd231ps ymm9, ymm3, ymm12",
              a -> a.vector(Op.VFMADD231PS, 256, 9, 3, 12),
              "c44265b8cc"),
          new Case(
              "vfmadd231ps zmm19, zmm26, zmm5",
              a -> a.vector(Op.VFMADD231PS, 512, 19, 26, 5),
              "62e22d40b8dd"),
          new Case(
              "vfnmadd231ps ymm9, ymm3, ymm12",
              a -> a.vector(Op.VFNMADD231PS, 256, 9, 3, 12),
              "c44265bccc"),
          new Case(
              "vfnmadd231ps zmm19, zmm26, zmm5",
              a -> a.vector(Op.VFNMADD231PS, 512, 19, 26, 5),
              "62e22d40bcdd"),
          new Case(
              "vpdpbusd ymm9, ymm3, ymm12",
              a -> a.vector(Op.VPDPBUSD, 256, 9, 3, 12),
              "c4426550cc"),
          new Case(
              "vpdpbusd zmm9, zmm30, zmm12",
              a -> a.vector(Op.VPDPBUSD, 512, 9, 30, 12),
              "62520d4050cc"),
          new Case(
              "vmulps zmm7, zmm6, [r9+256]{1to16}",
              a -> a.broadcasting().memory(Op.VMULPS, 512, 7, 6, R9, 256),
              "62d14c5859b900010000"),
          new Case("vpabsb ymm9, ymm12", a -> a.vector(Op.VPABSB, 256, 9, 12), "c4427d1ccc"),
          new Case("vcvtdq2ps ymm9, ymm12", a -> a.vector(Op.VCVTDQ2PS, 256, 9, 12), "c4417c5bcc"),
          new Case("vpmovsxbd ymm9, xmm12", a -> a.vector(Op.VPMOVSXBD, 256, 9, 12), "c4427d21cc"),
          new Case(
              "vpmovsxbd zmm9, xmm28", a -> a.vector(Op.VPMOVSXBD, 512, 9, 28), "62127d4821cc"),
          new Case("vpmovzxbd ymm9, xmm12", a -> a.vector(Op.VPMOVZXBD, 256, 9, 12), "c4427d31cc"),
          new Case(
              "vpmovzxbd zmm9, xmm28", a -> a.vector(Op.VPMOVZXBD, 512, 9, 28), "62127d4831cc"),
          new Case("vpmovzxwd ymm9, xmm12", a -> a.vector(Op.VPMOVZXWD, 256, 9, 12), "c4427d33cc"),
          new Case(
              "vpmovzxwd zmm9, ymm28", a -> a.vector(Op.VPMOVZXWD, 512, 9, 28), "62127d4833cc"),
          new Case("vcvtph2ps ymm9, xmm12", a -> a.vector(Op.VCVTPH2PS, 256, 9, 12), "c4427d13cc"),
          new Case(
              "vcvtph2ps zmm9, ymm28", a -> a.vector(Op.VCVTPH2PS, 512, 9, 28), "62127d4813cc"),
          new Case(
              "vcvtph2ps ymm9, [rsi+64]",
              a -> a.memory(Op.VCVTPH2PS, 256, 9, RSI, 64),
              "c4627d138e40000000"),
          new Case(
              "vcvtph2ps zmm17, [rsi+64]",
              a -> a.memory(Op.VCVTPH2PS, 512, 17, RSI, 64),
              "62e27d48138e40000000"),
          new Case(
              "vpmovzxwd zmm17, [rsi+64]",
              a -> a.memory(Op.VPMOVZXWD, 512, 17, RSI, 64),
              "62e27d48338e40000000"),
          new Case(
              "vpslld zmm9, zmm20, 16",
              a -> a.shift(Op.VPSHIFTD, 512, 9, 20, -16),
              "62b1354872f410"),
          new Case(
              "vshufps zmm2, zmm3, zmm24, 0x4E",
              a -> a.vector(Op.VSHUFPS, 512, 2, 3, 24, 0x4E),
              "62916448c6d04e"),
          new Case(
              "vpsrlw ymm3, ymm12, 4", a -> a.shift(Op.VPSHIFTW, 256, 3, 12, 4), "c4c16571d404"),
          new Case(
              "vpsllw ymm3, ymm12, 2", a -> a.shift(Op.VPSHIFTW, 256, 3, 12, -2), "c4c16571f402"),
          new Case(
              "vpsrld zmm18, zmm5, 16",
              a -> a.shift(Op.VPSHIFTD, 512, 18, 5, 16),
              "62f16d4072d510"),
          new Case(
              "vshufps xmm2, xmm3, xmm4, 0x55",
              a -> a.vector(Op.VSHUFPS, 128, 2, 3, 4, 0x55),
              "c4e160c6d455"),
          new Case(
              "vperm2i128 ymm2, ymm3, ymm14, 0x31",
              a -> a.vector(Op.VPERM2I128, 256, 2, 3, 14, 0x31),
              "c4c36546d631"),
          new Case(
              "vshufi32x4 zmm2, zmm3, zmm24, 0x4E",
              a -> a.vector(Op.VSHUFI32X4, 512, 2, 3, 24, 0x4E),
              "6293654843d04e"),
          new Case(
              "vextracti64x4 ymm2, zmm9, 1",
              a -> a.vector(Op.VEXTRACTI256, 512, 9, 0, 2, 1),
              "6273fd483bca01"),
          new Case(
              "vextracti128 xmm2, ymm9, 1",
              a -> a.vector(Op.VEXTRACTI128, 256, 9, 0, 2, 1),
              "c4637d39ca01"));

  @TestFactory
  Stream<DynamicTest> encodesAsTheGnuAssembler() {
    return CASES.stream()
        .map(
            c ->
                DynamicTest.dynamicTest(
                    c.text, () -> assertThat(encoded(c.emit)).isEqualTo(c.bytes)));
  }

  private static String encoded(Consumer<Assembler> emit) {
    Assembler a = new Assembler();
    emit.accept(a);
    return HexFormat.of().formatHex(a.code());
  }

  @Test
  void jumpsCountFromTheirEnd() {
    Assembler a = new Assembler();
    int start = a.label();
    int out = a.jumpIfZero();
    a.jumpIfNotZero(start);
    a.land(out);
    assertThat(HexFormat.of().formatHex(a.code())).isEqualTo("0f84060000000f85f4ffffff");
  }
}
