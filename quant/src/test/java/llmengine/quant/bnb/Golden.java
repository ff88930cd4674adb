package llmengine.quant.bnb;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.engine.file.Checkpoint;
import llmengine.engine.file.StoredTensor;
import llmengine.quant.SharedFiles;

/** A recorded case of bitsandbytes: its description and tensors. */
record Golden(JsonNode json, Checkpoint tensors) implements AutoCloseable {
  static Golden open(String name) {
    Path folder = SharedFiles.path("golden/open/F_quant/" + name);
    try {
      return new Golden(
          new ObjectMapper().readTree(folder.resolve("case.json").toFile()),
          Checkpoint.open(folder.resolve("golden.safetensors")));
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  Tensor tensor(Scope scope, String name) {
    StoredTensor stored = tensors.tensor(name);
    int[] shape = new int[stored.shape().length];
    for (int i = 0; i < shape.length; i++) {
      shape[i] = (int) stored.shape()[i];
    }
    DType dtype = stored.type().dtype().orElseThrow();
    return scope.map(stored.data(), dtype, shape);
  }

  float[] floats(Scope scope, String name) {
    return tensor(scope, name).toFloats();
  }

  byte[] bytes(String name) {
    return tensors.tensor(name).data().toArray(ValueLayout.JAVA_BYTE);
  }

  boolean has(String name) {
    return tensors.find(name).isPresent();
  }

  @Override
  public void close() {
    tensors.close();
  }
}
