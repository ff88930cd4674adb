package llmengine.engine.file;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import llmengine.engine.FormatException;

/** Reads little-endian values one after another; every read is checked against the file's end. */
final class GgufCursor {
  static final ValueLayout.OfShort INT16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfInt INT32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfLong INT64 =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final String file;
  private final MemorySegment bytes;
  private long position;

  GgufCursor(String file, MemorySegment bytes) {
    this.file = file;
    this.bytes = bytes;
  }

  String file() {
    return file;
  }

  long position() {
    return position;
  }

  /** Position of the next {@code n} bytes, which are skipped. */
  private long take(long n, String what) {
    if (n < 0 || n > bytes.byteSize() - position) {
      throw bad(
          what + ": truncated",
          Long.toUnsignedString(n) + " bytes at " + position,
          (bytes.byteSize() - position) + " bytes left");
    }
    long at = position;
    position += n;
    return at;
  }

  byte int8(String what) {
    return bytes.get(ValueLayout.JAVA_BYTE, take(1, what));
  }

  short int16(String what) {
    return bytes.get(INT16, take(2, what));
  }

  int int32(String what) {
    return bytes.get(INT32, take(4, what));
  }

  long int64(String what) {
    return bytes.get(INT64, take(8, what));
  }

  /** A 64-bit count of items that take at least {@code minBytes} each in the rest of the file. */
  long count(String what, long minBytes) {
    long count = int64(what);
    long most = (bytes.byteSize() - position) / minBytes;
    if (count < 0 || count > most) {
      throw bad(
          "bad " + what,
          "at most " + most + " (what is left of the file)",
          Long.toUnsignedString(count));
    }
    return count;
  }

  String string(String what) {
    long length = count(what + " length", 1);
    if (length > Integer.MAX_VALUE - 8) {
      throw bad(what + ": string too long", "less than 2^31 bytes", length + "");
    }
    ByteBuffer raw = bytes.asSlice(take(length, what), length).asByteBuffer();
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(raw).toString();
    } catch (CharacterCodingException e) {
      throw new FormatException(
          file + ": " + what + ": not text: expected UTF-8, got " + e + again(), e);
    }
  }

  FormatException bad(String what, String expected, String got) {
    return new FormatException(
        file + ": " + what + ": expected " + expected + ", got " + got + again());
  }

  private static String again() {
    return ". Download the file again.";
  }
}
