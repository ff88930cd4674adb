package llmengine.engine.file;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/** Spells GGUF files byte by byte, wrong ones included. */
final class GgufBytes {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();

  static GgufBytes header(int version, long tensors, long pairs) {
    return new GgufBytes().text("GGUF").int32(version).int64(tensors).int64(pairs);
  }

  GgufBytes text(String text) {
    out.writeBytes(text.getBytes(StandardCharsets.UTF_8));
    return this;
  }

  GgufBytes little(long value, int bytes) {
    for (int i = 0; i < bytes; i++) {
      out.write((int) (value >>> (8 * i)));
    }
    return this;
  }

  GgufBytes int8(int value) {
    return little(value, 1);
  }

  GgufBytes int32(int value) {
    return little(value, 4);
  }

  GgufBytes int64(long value) {
    return little(value, 8);
  }

  GgufBytes string(String text) {
    return int64(text.getBytes(StandardCharsets.UTF_8).length).text(text);
  }

  GgufBytes key(String key, int type) {
    return string(key).int32(type);
  }

  GgufBytes tensor(String name, int type, long offset, long... ne) {
    string(name).int32(ne.length);
    for (long n : ne) {
      int64(n);
    }
    return int32(type).int64(offset);
  }

  GgufBytes pad(int alignment) {
    while (out.size() % alignment != 0) {
      out.write(0);
    }
    return this;
  }

  GgufBytes data(int bytes) {
    for (int i = 0; i < bytes; i++) {
      out.write(i);
    }
    return this;
  }

  byte[] bytes() {
    return out.toByteArray();
  }
}
