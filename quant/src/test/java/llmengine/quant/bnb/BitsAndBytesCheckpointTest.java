package llmengine.quant.bnb;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import llmengine.engine.FormatException;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.engine.cpu.ScalarBackend;
import llmengine.engine.file.Checkpoint;
import llmengine.engine.file.SafetensorsType;
import llmengine.engine.file.SafetensorsWriter;
import llmengine.engine.file.StoredTensor;
import llmengine.engine.file.TensorSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BitsAndBytesCheckpointTest {
  private static final String NAME = "layer.weight";

  @TempDir private Path folder;

  /** A tensor to be stored. */
  private record Stored(SafetensorsType type, long[] shape, byte[] bytes) {}

  @ParameterizedTest
  @ValueSource(
      strings = {
        "nf4_block64",
        "nf4_block64_double",
        "nf4_block128_double_f16",
        "nf4_ragged_odd",
        "nf4_zero_block",
        "fp4_block64",
        "fp4_block128_double"
      })
  void tensorsOfTheOriginalDecodeToItsValues(String name) {
    try (Golden golden = Golden.open(name);
        ScalarBackend backend = new ScalarBackend();
        Scope scope = new Scope(backend, "test")) {
      Map<String, Stored> tensors = new LinkedHashMap<>();
      for (StoredTensor t : golden.tensors().tensors().values()) {
        if (t.name().equals("packed")) {
          put(tensors, NAME, t);
        } else if (t.name().startsWith("packed_")) {
          put(tensors, NAME + "." + t.name().substring("packed_".length()), t);
        }
      }
      Tensor expected = golden.tensor(scope, "dequantised");
      try (Checkpoint checkpoint = write(tensors)) {
        BitsAndBytesCheckpoint stored = reader();
        assertThat(stored.holds(checkpoint, NAME)).isTrue();
        Tensor packed =
            stored.load(scope, checkpoint, NAME, expected.rows(), expected.cols()).orElseThrow();
        Tensor rounded =
            scope.empty(expected.dtype(), expected.shape().dims()).set(packed.toFloats());
        assertThat(rounded.toFloats()).isEqualTo(expected.toFloats());
      }
    }
  }

  @Test
  void eightBitsDecodeToTheOriginalsValues() {
    try (Golden golden = Golden.open("int8_outliers");
        ScalarBackend backend = new ScalarBackend();
        Scope scope = new Scope(backend, "test")) {
      Map<String, Stored> tensors = new LinkedHashMap<>();
      put(tensors, NAME, golden.tensors().tensor("CB"));
      put(tensors, "layer.SCB", golden.tensors().tensor("SCB"));
      tensors.put(
          "layer.weight_format", new Stored(SafetensorsType.U8, new long[0], new byte[] {0}));
      try (Checkpoint checkpoint = write(tensors)) {
        float[] decoded = reader().load(scope, checkpoint, NAME, 40, 64).orElseThrow().toFloats();
        float[] expected = golden.floats(scope, "weight_dequantised");
        for (int i = 0; i < expected.length; i++) {
          assertThat(decoded[i])
              .isEqualTo(expected[i], org.assertj.core.api.Assertions.within(1e-7f));
        }
        assertThatThrownBy(() -> reader().load(scope, checkpoint, NAME, 64, 40))
            .isInstanceOf(FormatException.class)
            .hasMessageContaining("expected (64, 40) codes");
      }
      tensors.put(
          "layer.weight_format", new Stored(SafetensorsType.U8, new long[0], new byte[] {2}));
      refused(tensors, 40, 64, "one GPU generation");
      tensors.remove("layer.SCB");
      tensors.remove("layer.weight_format");
      refused(tensors, 40, 64, "layer.SCB");
    }
  }

  @Test
  void plainLayersAreLeftToOthers() {
    Map<String, Stored> tensors = new LinkedHashMap<>();
    tensors.put(NAME, floats(1, 2, 3, 4));
    try (Checkpoint checkpoint = write(tensors);
        ScalarBackend backend = new ScalarBackend();
        Scope scope = new Scope(backend, "test")) {
      assertThat(reader().holds(checkpoint, NAME)).isFalse();
      assertThat(reader().load(scope, checkpoint, NAME, 2, 2)).isEmpty();
    }
  }

  /** One thing wrong at a time. */
  @Test
  void damagedLayersAreRefused() {
    refused(t -> t.remove(NAME + ".quant_map"), "quant_map");
    refused(t -> t.put(NAME + ".quant_map", floats(1, 2, 3)), "expected 16 values");
    refused(t -> t.remove(NAME + ".nested_quant_map"), "nested_quant_map");
    refused(t -> t.put(NAME + ".nested_absmax", floats(Float.NaN)), "finite numbers, got NaN");
    refused(t -> t.put(NAME + ".nested_absmax", floats(1, 2)), "expected 1 values");
    refused(t -> t.put(NAME, bytes(new byte[31])), "32 bytes of codes, got 31");
    refused(t -> t.put(NAME + ".absmax", bytes(new byte[2])), "1 codes U8");
    refused(t -> t.put(NAME + ".absmax", floats(1)), "1 codes U8");
    refused(t -> t.remove(NAME + ".quant_state.bitsandbytes__nf4"), "quant_state");
    refused(t -> state(t, "{"), "not valid JSON");
    refused(t -> state(t, "[]"), "quant_type nf4");
    refused(t -> state(t, STATE.replace("\"nf4\"", "\"fp4\"")), "quant_type nf4");
    refused(t -> state(t, STATE.replace("[4, 16]", "[4, 17]")), "shape [4, 16]");
    refused(t -> state(t, STATE.replace("[4, 16]", "4")), "shape [4, 16]");
    refused(t -> state(t, STATE.replace(": 64", ": 0")), "blocksize a power of two");
    refused(t -> state(t, STATE.replace(": 64", ": 48")), "blocksize a power of two");
    refused(t -> state(t, STATE.replace(": 256", ": -256")), "nested_blocksize");
    refused(t -> state(t, STATE.replace("0.25", "null")), "finite nested_offset");
    refused(
        t -> t.put(NAME + ".quant_state.bitsandbytes__nf4", bytes(new byte[70_000])),
        "some JSON text");
  }

  private static final String STATE =
      "{\"quant_type\": \"nf4\", \"blocksize\": 64, \"dtype\": \"float32\", \"shape\": [4, 16],"
          + " \"nested_blocksize\": 256, \"nested_dtype\": \"float32\", \"nested_offset\": 0.25}";

  private static Map<String, Stored> whole() {
    Map<String, Stored> tensors = new LinkedHashMap<>();
    tensors.put(NAME, bytes(new byte[32]));
    tensors.put(NAME + ".absmax", bytes(new byte[1]));
    tensors.put(NAME + ".quant_map", floats(Nf4.CODE.values()));
    tensors.put(NAME + ".nested_absmax", floats(1));
    tensors.put(NAME + ".nested_quant_map", floats(Blockwise8.SIGNED.table()));
    state(tensors, STATE);
    return tensors;
  }

  private static void state(Map<String, Stored> tensors, String json) {
    tensors.put(
        NAME + ".quant_state.bitsandbytes__nf4", bytes(json.getBytes(StandardCharsets.UTF_8)));
  }

  private void refused(Consumer<Map<String, Stored>> damage, String reason) {
    Map<String, Stored> tensors = whole();
    damage.accept(tensors);
    refused(tensors, 4, 16, reason);
  }

  private void refused(Map<String, Stored> tensors, int rows, int cols, String reason) {
    try (Checkpoint checkpoint = write(tensors);
        ScalarBackend backend = new ScalarBackend();
        Scope scope = new Scope(backend, "test")) {
      assertThatThrownBy(() -> reader().load(scope, checkpoint, NAME, rows, cols))
          .isInstanceOf(FormatException.class)
          .hasMessageContaining(reason);
    }
  }

  private static BitsAndBytesCheckpoint reader() {
    return new BitsAndBytesCheckpoint(JsonNodeFactory.instance.objectNode());
  }

  private static void put(Map<String, Stored> tensors, String name, StoredTensor t) {
    byte[] bytes = t.data().toArray(java.lang.foreign.ValueLayout.JAVA_BYTE);
    tensors.put(name, new Stored(t.type(), t.shape(), bytes));
  }

  private static Stored bytes(byte[] bytes) {
    return new Stored(SafetensorsType.U8, new long[] {bytes.length}, bytes);
  }

  private static Stored floats(float... values) {
    ByteBuffer b = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    for (float v : values) {
      b.putFloat(v);
    }
    return new Stored(SafetensorsType.F32, new long[] {values.length}, b.array());
  }

  private Checkpoint write(Map<String, Stored> tensors) {
    List<TensorSource> sources = new ArrayList<>();
    try (Arena arena = Arena.ofConfined()) {
      tensors.forEach(
          (name, t) -> {
            MemorySegment m = arena.allocate(Math.max(1, t.bytes().length));
            MemorySegment.copy(
                t.bytes(), 0, m, java.lang.foreign.ValueLayout.JAVA_BYTE, 0, t.bytes().length);
            sources.add(TensorSource.of(name, t.type(), t.shape(), m.asSlice(0, t.bytes().length)));
          });
      new SafetensorsWriter()
          .write(folder.resolve("model.safetensors"), sources, SafetensorsWriter.PT_METADATA);
    }
    return Checkpoint.open(folder);
  }
}
