package llmengine.quant.ptq;

import java.lang.foreign.MemorySegment;
import java.util.List;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import llmengine.engine.Packing;
import llmengine.engine.Tensor;
import llmengine.quant.HostMemory;

/** A matrix (N, K) of signed bytes with one scale for each output. Value = code * scale. */
final class Int8Channels implements Packing {
  private final Tensor codes;
  private final MemorySegment memory;
  private final SideValues scales;

  /**
   * @param codes I8 (N, K)
   * @param scales (N)
   */
  Int8Channels(Tensor codes, SideValues scales) {
    this.codes = codes;
    this.memory = HostMemory.of(codes);
    this.scales = scales;
  }

  @Override
  public String name() {
    return "eetq";
  }

  @Override
  public int rows() {
    return codes.rows();
  }

  @Override
  public int cols() {
    return codes.cols();
  }

  @Override
  public List<Tensor> parts() {
    return List.of(codes, scales.tensor());
  }

  @Override
  public void decode(int row, int col, int rows, int cols, float[] to, int at, int stride) {
    for (int r = 0; r < rows; r++) {
      long from = (long) (row + r) * codes.cols() + col;
      float scale = scales.at(row + r);
      int target = at + r * stride;
      int i = 0;
      if (SmallInts.BYTES != null) {
        for (; i + BitFields.LANES <= cols; i += BitFields.LANES) {
          ((FloatVector) SmallInts.signed(memory, from + i).convert(VectorOperators.I2F, 0))
              .mul(scale)
              .intoArray(to, target + i);
        }
      }
      for (; i < cols; i++) {
        to[target + i] = memory.get(HostMemory.BYTE, from + i) * scale;
      }
    }
  }
}
