package llmengine.engine.file;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import llmengine.engine.FormatException;

/**
 * Reads and checks the head of a safetensors file: 8 bytes little-endian length N, N bytes of JSON
 * (padded with spaces), then the data. The tensors must tile the data exactly: no gap, no overlap,
 * nothing left over. A data start that is no multiple of 8 is legal, as in the reference reader.
 */
final class SafetensorsHeader {
  /** The reference reader's limit on N. */
  static final long MAX_BYTES = 100_000_000;

  private static final int MAX_DIMENSIONS = 64;
  private static final ValueLayout.OfLong LENGTH =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final JsonFactory JSON =
      JsonFactory.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          // metadata values may be whole configuration files; the header's own limit bounds them
          .streamReadConstraints(
              StreamReadConstraints.builder().maxStringLength((int) MAX_BYTES).build())
          .build();

  private record Declared(String name, SafetensorsType type, long[] shape, long begin, long end) {}

  private final String file;
  private final Map<String, String> metadata = new LinkedHashMap<>();
  private final List<Declared> declared = new ArrayList<>();

  private SafetensorsHeader(String file) {
    this.file = file;
  }

  /** Tensors by name in file order, and the metadata. */
  record Parsed(Map<String, StoredTensor> tensors, Map<String, String> metadata) {}

  /** Parses {@code bytes}, the whole file; {@code file} names it in errors. */
  static Parsed parse(String file, MemorySegment bytes) {
    SafetensorsHeader header = new SafetensorsHeader(file);
    long size = bytes.byteSize();
    if (size < 8) {
      throw header.bad("truncated", "at least 8 bytes", size + " bytes");
    }
    long length = bytes.get(LENGTH, 0);
    if (length < 2 || length > MAX_BYTES) {
      throw header.bad(
          "bad header length", "2 to " + MAX_BYTES + " bytes", Long.toUnsignedString(length));
    }
    if (length > size - 8) {
      throw header.bad(
          "truncated header", length + " bytes of header", (size - 8) + " bytes in the file");
    }
    byte[] json = bytes.asSlice(8, length).toArray(ValueLayout.JAVA_BYTE);
    if (json[0] != '{') {
      throw header.bad(
          "not a safetensors header", "{ at byte 8", String.format("byte 0x%02x", json[0]));
    }
    header.readJson(json);
    return new Parsed(
        header.layOut(bytes, 8 + length), Collections.unmodifiableMap(header.metadata));
  }

  private void readJson(byte[] json) {
    try (JsonParser in = JSON.createParser(json)) {
      expect(in, in.nextToken(), JsonToken.START_OBJECT, "header");
      while (in.nextToken() != JsonToken.END_OBJECT) {
        String name = in.currentName();
        if (name.equals("__metadata__")) {
          readMetadata(in);
        } else {
          readTensor(in, name);
        }
      }
      if (in.nextToken() != null) {
        throw bad("bytes after the header's JSON", "spaces only", in.currentToken().toString());
      }
    } catch (IOException e) {
      throw new FormatException(
          file + ": header is not JSON: expected one object, got " + e.getMessage() + again(), e);
    }
  }

  private void readMetadata(JsonParser in) throws IOException {
    expect(in, in.nextToken(), JsonToken.START_OBJECT, "__metadata__");
    while (in.nextToken() != JsonToken.END_OBJECT) {
      String key = in.currentName();
      expect(in, in.nextToken(), JsonToken.VALUE_STRING, "__metadata__ " + key);
      metadata.put(key, in.getText());
    }
  }

  private void readTensor(JsonParser in, String name) throws IOException {
    expect(in, in.nextToken(), JsonToken.START_OBJECT, tensor(name));
    SafetensorsType type = null;
    long[] shape = null;
    long[] offsets = null;
    while (in.nextToken() != JsonToken.END_OBJECT) {
      String key = in.currentName();
      in.nextToken();
      switch (key) {
        case "dtype" -> type = readType(in, name);
        case "shape" -> shape = readSizes(in, name, "shape");
        case "data_offsets" -> offsets = readSizes(in, name, "data_offsets");
        default -> throw bad(tensor(name) + ": unknown key", "dtype, shape, data_offsets", key);
      }
    }
    if (type == null || shape == null || offsets == null) {
      String got =
          (type == null ? "no dtype " : "")
              + (shape == null ? "no shape " : "")
              + (offsets == null ? "no data_offsets" : "");
      throw bad(tensor(name) + ": incomplete", "dtype, shape, data_offsets", got.strip());
    }
    if (offsets.length != 2 || offsets[0] > offsets[1]) {
      throw bad(
          tensor(name) + ": bad data_offsets",
          "[begin, end], begin <= end",
          Arrays.toString(offsets));
    }
    checkBytes(name, type, shape, offsets[1] - offsets[0]);
    declared.add(new Declared(name, type, shape, offsets[0], offsets[1]));
  }

  private SafetensorsType readType(JsonParser in, String name) throws IOException {
    expect(in, in.currentToken(), JsonToken.VALUE_STRING, tensor(name) + " dtype");
    String text = in.getText();
    return SafetensorsType.named(text)
        .orElseThrow(
            () ->
                bad(
                    tensor(name) + ": unknown dtype",
                    Arrays.toString(SafetensorsType.values()),
                    text));
  }

  private long[] readSizes(JsonParser in, String name, String key) throws IOException {
    expect(in, in.currentToken(), JsonToken.START_ARRAY, tensor(name) + " " + key);
    long[] sizes = new long[4];
    int n = 0;
    while (in.nextToken() != JsonToken.END_ARRAY) {
      expect(in, in.currentToken(), JsonToken.VALUE_NUMBER_INT, tensor(name) + " " + key);
      if (in.getNumberType() == JsonParser.NumberType.BIG_INTEGER || in.getLongValue() < 0) {
        throw bad(tensor(name) + ": bad " + key, "0 to 2^63 - 1", in.getText());
      }
      if (n == MAX_DIMENSIONS) {
        throw bad(tensor(name) + ": bad " + key, "at most " + MAX_DIMENSIONS + " numbers", "more");
      }
      if (n == sizes.length) {
        sizes = Arrays.copyOf(sizes, 2 * n);
      }
      sizes[n++] = in.getLongValue();
    }
    return Arrays.copyOf(sizes, n);
  }

  private void checkBytes(String name, SafetensorsType type, long[] shape, long stored) {
    long needed;
    try {
      needed = type.bytes(shape);
    } catch (ArithmeticException e) {
      throw new FormatException(
          file
              + ": "
              + tensor(name)
              + ": bad shape: expected a size in whole bytes below 2^63 bits"
              + ", got "
              + type
              + Arrays.toString(shape)
              + " ("
              + e.getMessage()
              + ")"
              + again(),
          e);
    }
    if (needed != stored) {
      throw bad(
          tensor(name) + ": size does not match shape",
          needed + " bytes for " + type + Arrays.toString(shape),
          stored + " bytes");
    }
  }

  private Map<String, StoredTensor> layOut(MemorySegment bytes, long dataStart) {
    long dataBytes = bytes.byteSize() - dataStart;
    declared.sort(Comparator.comparingLong(Declared::begin).thenComparingLong(Declared::end));
    Map<String, StoredTensor> tensors = new LinkedHashMap<>(2 * declared.size());
    long end = 0;
    for (Declared d : declared) {
      if (d.begin() != end) {
        throw bad(
            tensor(d.name()) + (d.begin() < end ? ": overlaps its neighbour" : ": leaves a gap"),
            "data_offsets from " + end,
            "from " + d.begin());
      }
      if (d.end() > dataBytes) {
        throw bad(
            tensor(d.name()) + ": truncated file",
            "data up to byte " + d.end(),
            dataBytes + " bytes of data");
      }
      end = d.end();
      long position = dataStart + d.begin();
      tensors.put(
          d.name(),
          new StoredTensor(
              d.name(),
              d.type(),
              d.shape(),
              position,
              bytes.asSlice(position, d.end() - d.begin())));
    }
    if (end != dataBytes) {
      throw bad("bytes after the last tensor", end + " bytes of data", dataBytes + " bytes");
    }
    return Collections.unmodifiableMap(tensors);
  }

  private void expect(JsonParser in, JsonToken got, JsonToken want, String what)
      throws IOException {
    if (got != want) {
      throw bad(what + ": wrong JSON", want.toString(), got + " " + in.getText());
    }
  }

  private static String tensor(String name) {
    return "tensor \"" + name + "\"";
  }

  private FormatException bad(String what, String expected, String got) {
    return new FormatException(
        file + ": " + what + ": expected " + expected + ", got " + got + again());
  }

  private static String again() {
    return ". Download or save the file again.";
  }
}
