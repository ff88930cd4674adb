package llmengine.engine.file;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/** Collects the head of a GGUF file: little-endian values one after another. */
final class GgufOutput {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream(1 << 16);

  void int8(byte value) {
    out.write(value);
  }

  void int16(short value) {
    integer(value, 2);
  }

  void int32(int value) {
    integer(value, 4);
  }

  void int64(long value) {
    integer(value, 8);
  }

  private void integer(long value, int bytes) {
    for (int i = 0; i < bytes; i++) {
      out.write((int) (value >>> (8 * i)));
    }
  }

  void string(String text) {
    byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
    int64(utf8.length);
    out.writeBytes(utf8);
  }

  /** Zeros up to the next multiple. */
  void align(int alignment) {
    while (out.size() % alignment != 0) {
      out.write(0);
    }
  }

  byte[] toByteArray() {
    return out.toByteArray();
  }
}
