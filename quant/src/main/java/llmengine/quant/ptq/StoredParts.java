package llmengine.quant.ptq;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Optional;
import llmengine.engine.DType;
import llmengine.engine.FormatException;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.engine.file.Checkpoint;
import llmengine.engine.file.SafetensorsType;
import llmengine.engine.file.StoredTensor;
import llmengine.engine.file.TensorSource;

/**
 * The tensors of one layer of a quantized checkpoint, {@code module.qweight} and the like: checked
 * against what the configuration says before anything is made of them, and used where the file is
 * mapped.
 */
record StoredParts(Scope scope, Checkpoint checkpoint, String module) {
  /**
   * @param weight name of the weight in the plain checkpoint
   */
  static StoredParts of(Scope scope, Checkpoint checkpoint, String weight) {
    return new StoredParts(scope, checkpoint, module(weight));
  }

  static String module(String weight) {
    return weight.endsWith(".weight")
        ? weight.substring(0, weight.length() - ".weight".length())
        : weight;
  }

  boolean has(String part) {
    return checkpoint.find(module + part).isPresent();
  }

  String where(String part) {
    return checkpoint.path() + ": " + module + part;
  }

  Optional<StoredTensor> find(String part) {
    return checkpoint.find(module + part);
  }

  /** A part that must be there. */
  StoredTensor stored(String part) {
    return find(part)
        .orElseThrow(() -> bad(part, "this tensor beside the others of the layer", "none"));
  }

  /** Integers or bytes of exactly this shape, mapped. */
  Tensor codes(String part, SafetensorsType type, int... shape) {
    StoredTensor stored = stored(part);
    requireShape(part, stored, shape);
    if (stored.type() != type) {
      throw bad(part, "dtype " + type, stored.type().toString());
    }
    DType dtype =
        switch (type.bits()) {
          case 8 -> DType.U8;
          case 32 -> DType.I32;
          default -> throw new IllegalArgumentException(type.toString());
        };
    return scope.map(stored.data(), dtype, shape);
  }

  /** Numbers of any float dtype and exactly this shape, mapped. */
  SideValues floats(String part, int... shape) {
    StoredTensor stored = stored(part);
    requireShape(part, stored, shape);
    return floats(part, stored, shape);
  }

  /** As many numbers of any float dtype, in whatever shape they were saved. */
  SideValues floatsOfCount(String part, int count) {
    StoredTensor stored = stored(part);
    if (stored.count() != count) {
      throw bad(part, count + " values", Arrays.toString(stored.shape()));
    }
    return floats(part, stored, count);
  }

  private SideValues floats(String part, StoredTensor stored, int... shape) {
    DType dtype = stored.type().dtype().filter(DType::isFloat).orElse(null);
    if (dtype == null) {
      throw bad(part, "F32, F16 or BF16", stored.type().toString());
    }
    return new SideValues(scope.map(aligned(stored), dtype, shape));
  }

  private static MemorySegment aligned(StoredTensor stored) {
    MemorySegment bytes = stored.data();
    return stored.isAligned()
        ? bytes
        : Arena.ofAuto().allocate(Math.max(1, bytes.byteSize()), 64).copyFrom(bytes);
  }

  void requireShape(String part, StoredTensor stored, int... shape) {
    boolean same = stored.shape().length == shape.length;
    for (int i = 0; same && i < shape.length; i++) {
      same = stored.shape()[i] == shape[i];
    }
    if (!same) {
      throw bad(part, Arrays.toString(shape), Arrays.toString(stored.shape()));
    }
  }

  FormatException bad(String part, String expected, String got) {
    return new FormatException(
        where(part)
            + ": doesn't fit the layer: expected "
            + expected
            + ", got "
            + got
            + ". Do config.json and the weights belong together?");
  }

  /** A tensor of values rounded to half precision. */
  static TensorSource halves(String name, float[] values, long... shape) {
    short[] halves = new short[values.length];
    for (int i = 0; i < halves.length; i++) {
      halves[i] = Float.floatToFloat16(values[i]);
    }
    return TensorSource.of(name, SafetensorsType.F16, shape, MemorySegment.ofArray(halves));
  }
}
