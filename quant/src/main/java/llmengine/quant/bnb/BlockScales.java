package llmengine.quant.bnb;

import static llmengine.quant.HostMemory.FLOAT;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import llmengine.engine.Tensor;
import llmengine.quant.HostMemory;

/** The scale of each block of a 4-bit matrix: its largest magnitude. */
sealed interface BlockScales {
  float of(long block);

  List<Tensor> parts();

  /** Scales in float32. */
  record Plain(Tensor scales, MemorySegment memory) implements BlockScales {
    Plain(Tensor scales) {
      this(scales, HostMemory.of(scales));
    }

    @Override
    public float of(long block) {
      return memory.get(FLOAT, 4 * block);
    }

    @Override
    public List<Tensor> parts() {
      return List.of(scales);
    }
  }

  /**
   * Double quantization (QLoRA, section 3): scales less their mean, themselves in 8 bits.
   *
   * @param codes U8, one for each block
   * @param nested F32, one scale for each {@code nestedBlock} codes
   * @param table the 256 values of the codes
   * @param offset the mean
   */
  record Nested(
      Tensor codes,
      Tensor nested,
      float[] table,
      float offset,
      int nestedBlock,
      MemorySegment codeMemory,
      MemorySegment nestedMemory)
      implements BlockScales {
    Nested(Tensor codes, Tensor nested, float[] table, float offset, int nestedBlock) {
      this(codes, nested, table, offset, nestedBlock, HostMemory.of(codes), HostMemory.of(nested));
    }

    @Override
    public float of(long block) {
      int code = codeMemory.get(ValueLayout.JAVA_BYTE, block) & 0xFF;
      return table[code] * nestedMemory.get(FLOAT, 4 * (block / nestedBlock)) + offset;
    }

    @Override
    public List<Tensor> parts() {
      return List.of(codes, nested);
    }
  }
}
