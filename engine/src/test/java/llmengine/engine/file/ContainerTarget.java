package llmengine.engine.file;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Reads arbitrary bytes as the head of a file, and the ends of each tensor it lists. */
enum ContainerTarget {
  SAFETENSORS {
    @Override
    void read(MemorySegment file) {
      for (StoredTensor tensor : SafetensorsHeader.parse("fuzz", file).tensors().values()) {
        ends(tensor.data());
      }
    }
  },
  GGUF {
    @Override
    void read(MemorySegment file) {
      for (GgufTensor tensor : GgufHeader.parse("fuzz", file).tensors().values()) {
        ends(tensor.data());
      }
    }
  };

  abstract void read(MemorySegment file);

  /** Whether the bytes are a file. */
  boolean run(byte[] bytes) {
    MemorySegment file = MemorySegment.ofArray(bytes).asReadOnly();
    return Untrusted.isRead(bytes.length, () -> read(file));
  }

  /** Data lie within the file. */
  private static void ends(MemorySegment data) {
    if (data.byteSize() > 0) {
      data.get(ValueLayout.JAVA_BYTE, 0);
      data.get(ValueLayout.JAVA_BYTE, data.byteSize() - 1);
    }
  }
}
