package llmengine.nn.load;

import java.lang.foreign.MemorySegment;
import llmengine.engine.DType;
import llmengine.engine.FormatException;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.engine.file.Checkpoint;
import llmengine.engine.file.StoredTensor;
import llmengine.nn.WeightSource;

/** Weights of a Hugging Face directory, used where the file is mapped. */
public record SafetensorsWeights(Checkpoint checkpoint) implements WeightSource {
  @Override
  public boolean has(String name) {
    return checkpoint.find(name).isPresent();
  }

  @Override
  public Tensor load(Scope scope, String name, int... shape) {
    StoredTensor stored = checkpoint.tensor(name);
    String where = checkpoint.path() + ": " + name;
    LoadedShape.check(where, stored.shape(), shape);
    DType dtype = stored.type().dtype().filter(DType::isFloat).orElse(null);
    if (dtype == null) {
      throw new FormatException(
          where
              + ": dtype not supported yet: expected F32, F16 or BF16, got "
              + stored.type()
              + ".");
    }
    MemorySegment bytes = stored.data();
    if (!stored.isAligned()) { // legal, though common writers align: vector loads want whole values
      bytes = java.lang.foreign.Arena.ofAuto().allocate(bytes.byteSize(), 64).copyFrom(bytes);
    }
    return scope.map(bytes, dtype, shape);
  }
}
