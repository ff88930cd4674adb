package llmengine.quant.ptq;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.engine.cpu.ScalarBackend;
import llmengine.engine.file.Checkpoint;
import llmengine.engine.file.Untrusted;
import llmengine.quant.StoredQuantization;
import llmengine.quant.StoredQuantizations;

/**
 * Reads arbitrary bytes as a quantized layer: two bytes that say how long {@code
 * quantization_config} is, that, and a safetensors file in which {@code x.weight} is looked for.
 */
final class QuantizedTarget implements AutoCloseable {
  static final int ROWS = 32;
  static final int COLS = 64;

  private final Path file;
  private final ScalarBackend backend = new ScalarBackend();
  private final float[] decoded = new float[ROWS * COLS];

  QuantizedTarget() {
    try {
      file = Files.createTempFile("layer", ".safetensors");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static byte[] input(String config, byte[] safetensors) {
    byte[] json = config.getBytes(StandardCharsets.UTF_8);
    byte[] input = new byte[2 + json.length + safetensors.length];
    input[0] = (byte) json.length;
    input[1] = (byte) (json.length >> 8);
    System.arraycopy(json, 0, input, 2, json.length);
    System.arraycopy(safetensors, 0, input, 2 + json.length, safetensors.length);
    return input;
  }

  /** Whether the layer was decoded; false if it was refused, or is no packed layer. */
  boolean run(byte[] input) {
    if (input.length < 2) {
      return false;
    }
    int length = Math.min(input.length - 2, (input[0] & 0xff) | (input[1] & 0xff) << 8);
    String config = new String(input, 2, length, StandardCharsets.UTF_8);
    boolean[] found = new boolean[1];
    try {
      Files.write(file, Arrays.copyOfRange(input, 2 + length, input.length));
      var json = new ObjectMapper().readTree(config); // config.json was valid JSON
      boolean read =
          Untrusted.isRead(
              input.length,
              () -> {
                StoredQuantization quantization = StoredQuantizations.of("config.json", json);
                found[0] = decode(quantization);
              });
      return read && found[0];
    } catch (JsonProcessingException e) {
      return false;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private boolean decode(StoredQuantization quantization) {
    try (Checkpoint checkpoint = Checkpoint.open(file);
        Scope scope = new Scope(backend, "fuzz")) {
      Optional<Tensor> packed = quantization.load(scope, checkpoint, "x.weight", ROWS, COLS);
      if (packed.isPresent() != quantization.holds(checkpoint, "x.weight")) {
        throw new AssertionError("holds and load differ");
      }
      packed.ifPresent(t -> t.packing().decode(0, 0, ROWS, COLS, decoded, 0, COLS));
      return packed.isPresent();
    }
  }

  @Override
  public void close() {
    backend.close();
    try {
      Files.delete(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
