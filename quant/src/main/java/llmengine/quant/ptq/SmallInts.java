package llmengine.quant.ptq;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/** Bytes widened to the lanes of an int vector. */
final class SmallInts {
  /** As many bytes as an int vector has lanes; null where that is no vector (four bytes). */
  static final VectorSpecies<Byte> BYTES =
      BitFields.LANES < 8
          ? null
          : VectorSpecies.of(byte.class, VectorShape.forBitSize(8 * BitFields.LANES));

  private SmallInts() {}

  static IntVector unsigned(MemorySegment memory, long at) {
    return (IntVector)
        ByteVector.fromMemorySegment(BYTES, memory, at, ByteOrder.LITTLE_ENDIAN)
            .convertShape(VectorOperators.ZERO_EXTEND_B2I, BitFields.INTS, 0);
  }

  static IntVector signed(MemorySegment memory, long at) {
    return (IntVector)
        ByteVector.fromMemorySegment(BYTES, memory, at, ByteOrder.LITTLE_ENDIAN)
            .convertShape(VectorOperators.B2I, BitFields.INTS, 0);
  }
}
