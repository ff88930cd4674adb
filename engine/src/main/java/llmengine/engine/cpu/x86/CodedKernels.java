// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu.x86;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import llmengine.engine.CodeLayout;

/** Products of coded weights with tokens in 8 bits as machine code, made when first needed. */
public final class CodedKernels {
  private record Shape(CodeLayout layout, int tokens, int tail, boolean fromMemory) {}

  private final Isa isa;
  private final Map<Shape, MachineCode> made = new ConcurrentHashMap<>();

  public CodedKernels(Isa isa) {
    this.isa = isa;
  }

  /** The most tokens that one call takes; it and smaller powers of two can be had. */
  public int maxTokens() {
    return ProductEmitter.maxTokens(isa);
  }

  /** Rows that are computed together. */
  public int rows() {
    return isa.bits / 256;
  }

  /**
   * The kernel for rows of {@code blocks} blocks of 32 values.
   *
   * @param fromMemory whether weights come from memory, not from a cache
   */
  public Kernel kernel(CodeLayout layout, int tokens, int blocks, boolean fromMemory) {
    Shape shape = new Shape(layout, tokens, blocks % TokenRecord.BLOCKS, fromMemory);
    MachineCode code =
        made.computeIfAbsent(
            shape,
            s ->
                new MachineCode(
                    new ProductEmitter(isa, layout, tokens, s.tail, fromMemory).code()));
    return new Kernel(code, tokens, rows(), blocks / TokenRecord.BLOCKS);
  }

  /** One worker's arguments. */
  public static final class Arguments {
    private final MemorySegment memory =
        Arena.ofAuto().allocate(ProductEmitter.CONSTANTS + Constants.bytes(), 64);

    public Arguments() {
      Constants.write(memory, ProductEmitter.CONSTANTS);
    }

    private void set(int at, long value) {
      memory.set(ValueLayout.JAVA_LONG, at, value);
    }
  }

  /** Machine code for one layout, number of tokens and length of rows. */
  public static final class Kernel {
    private final MachineCode code;
    private final int atATime;
    private final int together;
    private final int groups;

    private Kernel(MachineCode code, int tokens, int together, int groups) {
      this.code = code;
      this.atATime = tokens;
      this.together = together;
      this.groups = groups;
    }

    /**
     * Computes {@code rows} rows at {@code weights}: result (row, token) as float at {@code out},
     * tokens beside each other. With an odd number of rows and two at a time, the memory behind the
     * last result is overwritten, too.
     *
     * @param tokens address of {@link TokenRecord}s: first group of every token, second ...
     */
    public void run(
        Arguments arguments, long weights, long rowBytes, int rows, long tokens, long out) {
      int whole = rows / together;
      if (whole > 0) {
        call(arguments, weights, rowBytes, whole, tokens, out);
      }
      if (rows % together != 0) { // the last row twice
        long done = (long) whole * together;
        long at = out + 4 * done * atATime;
        call(arguments, weights + done * rowBytes, 0, 1, tokens, at);
      }
    }

    private void call(Arguments to, long weights, long rowBytes, int rows, long tokens, long out) {
      to.set(ProductEmitter.WEIGHTS, weights);
      to.set(ProductEmitter.ROW_BYTES, rowBytes);
      to.set(ProductEmitter.ROWS, rows);
      to.set(ProductEmitter.GROUPS, groups);
      to.set(ProductEmitter.TOKENS, tokens);
      to.set(ProductEmitter.OUT, out);
      code.run(to.memory.address());
    }
  }
}
