package llmengine.engine.file;

import java.util.List;
import llmengine.engine.FormatException;

/**
 * A metadata value to be written to a GGUF file, with the type it has there. Integers of every
 * width are given as {@link Number}s and must fit; an array's elements are all of one type.
 *
 * @param type in the file
 * @param element type of an array's elements, null for a single value
 * @param value a {@link Number}, {@link Boolean} or {@link String}; for an array a {@link List} of
 *     these, or of {@link GgufDatum}s if the elements are arrays
 */
public record GgufDatum(Type type, Type element, Object value) {
  /** Value types in the order of their ids in the file. */
  public enum Type {
    UINT8,
    INT8,
    UINT16,
    INT16,
    UINT32,
    INT32,
    FLOAT32,
    BOOL,
    STRING,
    ARRAY,
    UINT64,
    INT64,
    FLOAT64
  }

  /** A value of this type: what most integers of a model are is UINT32. */
  public static GgufDatum of(Type type, Object value) {
    return new GgufDatum(type, null, value);
  }

  /** A whole number from 0 to 2^32 - 1. */
  public static GgufDatum uint32(long value) {
    return of(Type.UINT32, value);
  }

  public static GgufDatum float32(double value) {
    return of(Type.FLOAT32, value);
  }

  public static GgufDatum bool(boolean value) {
    return of(Type.BOOL, value);
  }

  public static GgufDatum string(String value) {
    return of(Type.STRING, value);
  }

  /** An array of this element type. */
  public static GgufDatum array(Type element, List<?> values) {
    return new GgufDatum(Type.ARRAY, element, values);
  }

  /** Writes type and value; {@code where} names the pair in errors. */
  void write(String where, GgufOutput out) {
    out.int32(type.ordinal());
    writeValue(where, out);
  }

  private void writeValue(String where, GgufOutput out) {
    if (type != Type.ARRAY) {
      write(where, type, value, out);
      return;
    }
    if (!(value instanceof List<?> values) || element == null) {
      throw bad(where, "a list and its element type");
    }
    out.int32(element.ordinal());
    out.int64(values.size());
    for (Object one : values) {
      if (element != Type.ARRAY) {
        write(where, element, one, out);
      } else if (one instanceof GgufDatum inner && inner.type == Type.ARRAY) {
        inner.writeValue(where, out);
      } else {
        throw bad(where, "arrays in an array of arrays");
      }
    }
  }

  private void write(String where, Type kind, Object one, GgufOutput out) {
    switch (kind) {
      case UINT8 -> out.int8((byte) integer(where, one, 0, 0xff));
      case INT8 -> out.int8((byte) integer(where, one, Byte.MIN_VALUE, Byte.MAX_VALUE));
      case UINT16 -> out.int16((short) integer(where, one, 0, 0xffff));
      case INT16 -> out.int16((short) integer(where, one, Short.MIN_VALUE, Short.MAX_VALUE));
      case UINT32 -> out.int32((int) integer(where, one, 0, 0xffff_ffffL));
      case INT32 -> out.int32((int) integer(where, one, Integer.MIN_VALUE, Integer.MAX_VALUE));
      case UINT64 -> out.int64(integer(where, one, 0, Long.MAX_VALUE));
      case INT64 -> out.int64(integer(where, one, Long.MIN_VALUE, Long.MAX_VALUE));
      case FLOAT32 -> out.int32(Float.floatToRawIntBits((float) number(where, one)));
      case FLOAT64 -> out.int64(Double.doubleToRawLongBits(number(where, one)));
      case BOOL -> out.int8((byte) (as(where, Boolean.class, one) ? 1 : 0));
      case STRING -> out.string(as(where, String.class, one));
      case ARRAY -> throw bad(where, "a single value");
    }
  }

  private long integer(String where, Object one, long least, long most) {
    boolean whole =
        one instanceof Byte
            || one instanceof Short
            || one instanceof Integer
            || one instanceof Long;
    if (!whole || ((Number) one).longValue() < least || ((Number) one).longValue() > most) {
      throw bad(where, "whole numbers from " + least + " to " + most + ", not " + one);
    }
    return ((Number) one).longValue();
  }

  private double number(String where, Object one) {
    return as(where, Number.class, one).doubleValue();
  }

  private <T> T as(String where, Class<T> wanted, Object one) {
    if (!wanted.isInstance(one)) {
      throw bad(where, wanted.getSimpleName() + ", not " + one);
    }
    return wanted.cast(one);
  }

  private FormatException bad(String where, String expected) {
    return new FormatException(
        where
            + ": value does not fit its type: expected "
            + expected
            + ", got "
            + type
            + (element == null ? "" : " of " + element)
            + ". Nothing was written.");
  }
}
