package llmengine.quant.bnb;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import llmengine.engine.DType;
import llmengine.engine.FormatException;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.engine.file.Checkpoint;
import llmengine.engine.file.SafetensorsType;
import llmengine.engine.file.StoredTensor;
import llmengine.quant.HostMemory;
import llmengine.quant.StoredQuantization;

/**
 * Layers that bitsandbytes saved. Four bits: beside {@code x.weight} (codes, of whatever type the
 * bytes are declared as) stand {@code .absmax}, {@code .quant_map}, for double quantization {@code
 * .nested_absmax} and {@code .nested_quant_map}, and {@code .quant_state.bitsandbytes__nf4} or
 * {@code __fp4}, JSON as bytes. Eight bits: beside {@code x.weight} (I8) stand {@code x.SCB}, the
 * rows' scales, and {@code x.weight_format}.
 */
public final class BitsAndBytesCheckpoint implements StoredQuantization {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final long MOST_STATE_BYTES = 1 << 16;

  private final float threshold;

  /**
   * @param config {@code quantization_config} of the checkpoint
   */
  public BitsAndBytesCheckpoint(JsonNode config) {
    this.threshold = (float) config.path("llm_int8_threshold").asDouble(Int8Quantizer.THRESHOLD);
  }

  @Override
  public String method() {
    return "bitsandbytes";
  }

  @Override
  public Optional<Tensor> load(
      Scope scope, Checkpoint checkpoint, String name, int rows, int cols) {
    if (!holds(checkpoint, name)) {
      return Optional.empty();
    }
    return Optional.of(
        checkpoint.find(name + ".absmax").isPresent()
            ? fourBit(scope, checkpoint, name, rows, cols)
            : int8(scope, checkpoint, name, rows, cols));
  }

  @Override
  public boolean holds(Checkpoint checkpoint, String name) {
    return checkpoint.find(name + ".absmax").isPresent()
        || checkpoint
            .find(name)
            .map(StoredTensor::type)
            .filter(t -> t == SafetensorsType.I8)
            .isPresent();
  }

  private Tensor int8(Scope scope, Checkpoint checkpoint, String name, int rows, int cols) {
    String where = checkpoint.path() + ": " + name;
    String module = name.substring(0, name.length() - ".weight".length());
    StoredTensor codes = checkpoint.tensor(name);
    if (codes.shape().length != 2 || codes.shape()[0] != rows || codes.shape()[1] != cols) {
      throw bad(where, "(" + rows + ", " + cols + ") codes", codes.toString());
    }
    Optional<StoredTensor> format = checkpoint.find(module + ".weight_format");
    if (format.isPresent() && format.get().data().get(ValueLayout.JAVA_BYTE, 0) != 0) {
      throw bad(where, "weight_format 0 (rows)", "a layout of one GPU generation");
    }
    Tensor scales = floats(scope, checkpoint, module + ".SCB", rows);
    return scope.pack(
        new Int8Matrix(scope, scope.map(codes.data(), DType.I8, rows, cols), scales, threshold));
  }

  private static Tensor fourBit(
      Scope scope, Checkpoint checkpoint, String name, int rows, int cols) {
    String where = checkpoint.path() + ": " + name;
    String type =
        checkpoint.find(name + ".quant_state.bitsandbytes__fp4").isPresent() ? "fp4" : "nf4";
    JsonNode state = state(where, checkpoint.tensor(name + ".quant_state.bitsandbytes__" + type));
    if (!state.path("quant_type").asText("").equals(type)) {
      throw bad(where, "quant_type " + type, state.path("quant_type").toString());
    }
    JsonNode shape = state.path("shape");
    if (shape.size() != 2 || shape.get(0).asLong() != rows || shape.get(1).asLong() != cols) {
      throw bad(where, "shape [" + rows + ", " + cols + "] by the configuration", shape.toString());
    }
    int blockSize = blockSize(where, "blocksize", state);
    long values = (long) rows * cols;
    int blocks = Math.toIntExact(Math.ceilDiv(values, (long) blockSize));
    StoredTensor stored = checkpoint.tensor(name);
    if (stored.data().byteSize() != (values + 1) / 2) {
      throw bad(where, (values + 1) / 2 + " bytes of codes", stored.data().byteSize() + "");
    }
    Tensor codes = scope.map(stored.data(), DType.U8, Math.toIntExact(stored.data().byteSize()));
    float[] table = table(checkpoint, name + ".quant_map", 16);
    BlockScales scales =
        checkpoint.find(name + ".nested_absmax").isPresent()
            ? nested(scope, checkpoint, name, state, blocks)
            : new BlockScales.Plain(floats(scope, checkpoint, name + ".absmax", blocks));
    return scope.pack(new FourBitMatrix(type, rows, cols, blockSize, codes, scales, table));
  }

  private static BlockScales nested(
      Scope scope, Checkpoint checkpoint, String name, JsonNode state, int blocks) {
    String where = checkpoint.path() + ": " + name;
    int nestedBlock = blockSize(where, "nested_blocksize", state);
    StoredTensor codes = checkpoint.tensor(name + ".absmax");
    if (codes.type() != SafetensorsType.U8 || codes.count() != blocks) {
      throw bad(where + ".absmax", blocks + " codes U8", codes.toString());
    }
    double offset = state.path("nested_offset").asDouble(Double.NaN);
    if (!Double.isFinite(offset)) {
      throw bad(where, "a finite nested_offset", state.path("nested_offset").toString());
    }
    return new BlockScales.Nested(
        scope.map(codes.data(), DType.U8, blocks),
        floats(scope, checkpoint, name + ".nested_absmax", Math.ceilDiv(blocks, nestedBlock)),
        table(checkpoint, name + ".nested_quant_map", 256),
        (float) offset,
        nestedBlock);
  }

  private static int blockSize(String where, String key, JsonNode state) {
    int size = state.path(key).asInt(0);
    if (Integer.bitCount(size) != 1 || size < 2) {
      throw bad(where, key + " a power of two", state.path(key).toString());
    }
    return size;
  }

  private static JsonNode state(String where, StoredTensor stored) {
    if (stored.data().byteSize() > MOST_STATE_BYTES) {
      throw bad(where + ".quant_state", "some JSON text", stored.data().byteSize() + " bytes");
    }
    String text = new String(stored.data().toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8);
    try {
      return JSON.readTree(text);
    } catch (JacksonException e) {
      throw new FormatException(
          where + ".quant_state: not valid JSON: " + e.getOriginalMessage() + ".", e);
    }
  }

  private static float[] table(Checkpoint checkpoint, String name, int size) {
    return values(checkpoint, name, size);
  }

  private static Tensor floats(Scope scope, Checkpoint checkpoint, String name, int count) {
    return scope.of(values(checkpoint, name, count), count);
  }

  /** Finite numbers of any float type. */
  private static float[] values(Checkpoint checkpoint, String name, int count) {
    StoredTensor stored = checkpoint.tensor(name);
    String where = checkpoint.path() + ": " + name;
    if (stored.count() != count) {
      throw bad(where, count + " values", stored.toString());
    }
    MemorySegment data = stored.data();
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] =
          switch (stored.type()) {
            case F32 -> data.get(HostMemory.FLOAT, 4L * i);
            case F16 -> Float.float16ToFloat(data.get(HostMemory.SHORT, 2L * i));
            case BF16 -> Float.intBitsToFloat(data.get(HostMemory.SHORT, 2L * i) << 16);
            default -> throw bad(where, "F32, F16 or BF16", stored.type().toString());
          };
      if (!Float.isFinite(values[i])) {
        throw bad(where, "finite numbers", values[i] + " at " + i);
      }
    }
    return values;
  }

  private static FormatException bad(String where, String expected, String got) {
    return new FormatException(
        where
            + ": not as bitsandbytes saves it: expected "
            + expected
            + ", got "
            + got
            + ". Download or save the checkpoint again.");
  }
}
