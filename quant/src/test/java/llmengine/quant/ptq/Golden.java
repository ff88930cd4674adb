package llmengine.quant.ptq;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import llmengine.engine.file.SafetensorsFile;
import llmengine.engine.file.StoredTensor;
import llmengine.quant.SharedFiles;

/** One reference case of quantised weights. */
record Golden(JsonNode json, SafetensorsFile file) implements AutoCloseable {
  static Golden open(String name) {
    Path folder = SharedFiles.path("golden/open/F_quant/" + name);
    try {
      return new Golden(
          new ObjectMapper().readTree(folder.resolve("case.json").toFile()),
          SafetensorsFile.open(folder.resolve("golden.safetensors")));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  float[] floats(String name) {
    StoredTensor t = file.tensor(name);
    byte[] bytes = bytes(name);
    float[] values = new float[(int) t.count()];
    for (int i = 0; i < values.length; i++) {
      int half = bytes[2 * i + 1 < bytes.length ? 2 * i + 1 : 0] << 8 | bytes[2 * i] & 0xff;
      values[i] =
          switch (t.type()) {
            case F32 -> t.data().get(ValueLayout.JAVA_FLOAT_UNALIGNED, 4L * i);
            case F16 -> Float.float16ToFloat((short) half);
            case BF16 -> Float.intBitsToFloat(half << 16);
            default -> throw new AssertionError(t);
          };
    }
    return values;
  }

  byte[] bytes(String name) {
    return file.tensor(name).data().toArray(ValueLayout.JAVA_BYTE);
  }

  int[] ints(String name) {
    return file.tensor(name).data().toArray(ValueLayout.JAVA_INT_UNALIGNED);
  }

  int rows(String name) {
    return (int) file.tensor(name).shape()[0];
  }

  int cols(String name) {
    return (int) file.tensor(name).shape()[1];
  }

  @Override
  public void close() {
    file.close();
  }
}
