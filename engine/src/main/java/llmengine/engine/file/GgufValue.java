package llmengine.engine.file;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * Reads one typed metadata value. All integers become {@link Long} or {@code long[]}, whatever
 * their width in the file, so that readers of a key need not care which width a converter chose.
 */
final class GgufValue {
  private static final int MAX_DEPTH = 4;

  private static final int UINT8 = 0;
  private static final int INT8 = 1;
  private static final int UINT16 = 2;
  private static final int INT16 = 3;
  private static final int UINT32 = 4;
  private static final int INT32 = 5;
  private static final int FLOAT32 = 6;
  private static final int BOOL = 7;
  private static final int STRING = 8;
  private static final int ARRAY = 9;
  private static final int UINT64 = 10;
  private static final int INT64 = 11;
  private static final int FLOAT64 = 12;

  private GgufValue() {}

  static Object read(GgufCursor in, String what) {
    return read(in, in.int32(what + " type"), what, 0);
  }

  private static Object read(GgufCursor in, int type, String what, int depth) {
    return switch (type) {
      case FLOAT32 -> Float.intBitsToFloat(in.int32(what));
      case FLOAT64 -> Double.longBitsToDouble(in.int64(what));
      case BOOL -> bool(in, what);
      case STRING -> in.string(what);
      case ARRAY -> array(in, what, depth);
      default -> integer(in, type, what);
    };
  }

  private static boolean bool(GgufCursor in, String what) {
    int value = in.int8(what);
    if (value != 0 && value != 1) {
      throw in.bad(what + ": bad bool", "0 or 1", "" + value);
    }
    return value == 1;
  }

  private static long integer(GgufCursor in, int type, String what) {
    return switch (type) {
      case UINT8 -> Byte.toUnsignedLong(in.int8(what));
      case INT8 -> in.int8(what);
      case UINT16 -> Short.toUnsignedLong(in.int16(what));
      case INT16 -> in.int16(what);
      case UINT32 -> Integer.toUnsignedLong(in.int32(what));
      case INT32 -> in.int32(what);
      case INT64 -> in.int64(what);
      case UINT64 -> {
        long value = in.int64(what);
        if (value < 0) {
          throw in.bad(what + ": too large", "below 2^63", Long.toUnsignedString(value));
        }
        yield value;
      }
      default -> throw in.bad(what + ": unknown value type", "0 to 12", "" + type);
    };
  }

  private static long minBytes(GgufCursor in, int type, String what) {
    return switch (type) {
      case UINT8, INT8, BOOL -> 1;
      case UINT16, INT16 -> 2;
      case UINT32, INT32, FLOAT32 -> 4;
      case UINT64, INT64, FLOAT64, STRING -> 8;
      case ARRAY -> 12;
      default -> throw in.bad(what + ": unknown element type", "0 to 12", "" + type);
    };
  }

  private static Object array(GgufCursor in, String what, int depth) {
    if (depth == MAX_DEPTH) {
      throw in.bad(what + ": arrays too deep", "at most " + MAX_DEPTH + " levels", "more");
    }
    int type = in.int32(what + " element type");
    long count = in.count(what + " length", minBytes(in, type, what));
    if (count > Integer.MAX_VALUE - 8) {
      throw in.bad(what + ": array too long", "less than 2^31 elements", "" + count);
    }
    int n = (int) count;
    switch (type) {
      case FLOAT32 -> {
        float[] values = new float[n];
        for (int i = 0; i < n; i++) {
          values[i] = Float.intBitsToFloat(in.int32(what));
        }
        return values;
      }
      case FLOAT64 -> {
        double[] values = new double[n];
        for (int i = 0; i < n; i++) {
          values[i] = Double.longBitsToDouble(in.int64(what));
        }
        return values;
      }
      case BOOL -> {
        boolean[] values = new boolean[n];
        for (int i = 0; i < n; i++) {
          values[i] = bool(in, what);
        }
        return values;
      }
      case STRING, ARRAY -> {
        List<Object> values = new ArrayList<>(n);
        for (int i = 0; i < n; i++) {
          values.add(read(in, type, what, depth + 1));
        }
        return Collections.unmodifiableList(values);
      }
      default -> {
        long[] values = new long[n];
        for (int i = 0; i < n; i++) {
          values[i] = integer(in, type, what);
        }
        return values;
      }
    }
  }
}
