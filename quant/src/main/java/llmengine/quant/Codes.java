package llmengine.quant;

import static llmengine.engine.cpu.Lanes.I;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/** Steps of vector decoders from integer codes to floats. */
final class Codes {
  private static final IntVector INDEX = IntVector.zero(I).addIndex(1);

  private Codes() {}

  static FloatVector floats(IntVector codes) {
    return (FloatVector) codes.convert(VectorOperators.I2F, 0);
  }

  /** Bit i of the word in bit 4 of lane i. */
  static IntVector fifthBits(int word) {
    return IntVector.broadcast(I, word << 4).lanewise(VectorOperators.LSHR, INDEX).and(16);
  }
}
