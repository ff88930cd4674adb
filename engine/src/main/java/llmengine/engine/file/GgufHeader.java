package llmengine.engine.file;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import llmengine.engine.FormatException;

/**
 * Reads and checks the head of a GGUF file, version 2 or 3, little-endian
 * (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md): magic, version, counts, key-value
 * pairs, tensor infos, padding, data. Tensor offsets count from the start of the data.
 */
final class GgufHeader {
  static final int MAGIC = 0x46554747; // "GGUF"
  static final int MAX_DIMENSIONS = 4; // GGML_MAX_DIMS
  static final int DEFAULT_ALIGNMENT = 32;
  static final int LARGEST_ALIGNMENT = 1 << 20;
  private static final long MIN_PAIR_BYTES = 8 + 4 + 1;
  private static final long MIN_INFO_BYTES = 8 + 4 + 4 + 8;

  /** What the head says. */
  record Parsed(
      int version, int alignment, Map<String, Object> metadata, Map<String, GgufTensor> tensors) {}

  private record Info(String name, GgufType type, long[] shape, long begin, long bytes) {}

  private final GgufCursor in;
  private final MemorySegment file;

  private GgufHeader(String name, MemorySegment file) {
    this.in = new GgufCursor(name, file);
    this.file = file;
  }

  /** Parses {@code bytes}, the whole file; {@code name} names it in errors. */
  static Parsed parse(String name, MemorySegment bytes) {
    return new GgufHeader(name, bytes).read();
  }

  private Parsed read() {
    int magic = in.int32("magic");
    if (magic != MAGIC) {
      throw in.bad("not a GGUF file", "magic GGUF", String.format("0x%08x", magic));
    }
    int version = in.int32("version");
    if (version != 2 && version != 3) {
      boolean bigEndian = Integer.reverseBytes(version) == 3;
      throw in.bad(
          "unsupported GGUF version",
          "2 or 3, little-endian",
          bigEndian ? "a big-endian file" : Integer.toUnsignedString(version));
    }
    long tensorCount = in.count("tensor count", MIN_INFO_BYTES);
    long pairCount = in.count("metadata count", MIN_PAIR_BYTES);
    Map<String, Object> metadata = readMetadata(pairCount);
    int alignment = alignment(metadata);
    List<Info> infos = new ArrayList<>();
    for (long i = 0; i < tensorCount; i++) {
      infos.add(readInfo(alignment));
    }
    return new Parsed(
        version, alignment, Collections.unmodifiableMap(metadata), layOut(infos, alignment));
  }

  private Map<String, Object> readMetadata(long pairCount) {
    Map<String, Object> metadata = new LinkedHashMap<>();
    for (long i = 0; i < pairCount; i++) {
      String key = in.string("metadata key " + i);
      Object value = GgufValue.read(in, "metadata " + key);
      if (metadata.put(key, value) != null) {
        throw in.bad("metadata " + key, "one value", "a second one");
      }
    }
    return metadata;
  }

  private int alignment(Map<String, Object> metadata) {
    Object value = metadata.get("general.alignment");
    if (value == null) {
      return DEFAULT_ALIGNMENT;
    }
    if (!(value instanceof Long n) || n < 1 || n > LARGEST_ALIGNMENT || Long.bitCount(n) != 1) {
      throw in.bad("metadata general.alignment", "a power of two up to 2^20", value.toString());
    }
    return n.intValue();
  }

  private Info readInfo(int alignment) {
    String name = in.string("tensor name");
    String what = "tensor \"" + name + "\"";
    int dimensions = in.int32(what + " dimensions");
    if (dimensions < 0 || dimensions > MAX_DIMENSIONS) {
      throw in.bad(
          what + ": bad number of dimensions",
          "0 to " + MAX_DIMENSIONS,
          Integer.toUnsignedString(dimensions));
    }
    long[] ne = new long[dimensions];
    for (int i = 0; i < dimensions; i++) {
      ne[i] = in.int64(what + " shape");
    }
    int id = in.int32(what + " type");
    GgufType type =
        GgufType.ofId(id)
            .orElseThrow(
                () ->
                    in.bad(
                        what + ": unknown type",
                        "one of " + Arrays.toString(GgufType.values()),
                        "id " + Integer.toUnsignedString(id)));
    long begin = in.int64(what + " offset");
    if (begin < 0 || begin % alignment != 0) {
      throw in.bad(
          what + ": bad offset", "a multiple of " + alignment, Long.toUnsignedString(begin));
    }
    return new Info(name, type, reversed(ne), begin, bytes(what, type, ne));
  }

  private long bytes(String what, GgufType type, long[] ne) {
    long row = ne.length == 0 ? 1 : ne[0];
    boolean sizes = Arrays.stream(ne).allMatch(n -> n >= 0);
    if (!sizes || row % type.blockValues() != 0) {
      throw in.bad(
          what + ": bad shape",
          "sizes >= 0, rows of a multiple of " + type.blockValues() + " values for " + type,
          "ne " + Arrays.toString(ne));
    }
    try {
      long bytes = Math.multiplyExact(row / type.blockValues(), (long) type.blockBytes());
      for (int i = 1; i < ne.length; i++) {
        bytes = Math.multiplyExact(bytes, ne[i]);
      }
      return bytes;
    } catch (ArithmeticException e) {
      throw new FormatException(
          in.file()
              + ": "
              + what
              + ": bad shape: expected fewer than 2^63 bytes, got ne "
              + Arrays.toString(ne)
              + ". Download the file again.",
          e);
    }
  }

  private static long[] reversed(long[] ne) {
    long[] shape = new long[ne.length];
    for (int i = 0; i < ne.length; i++) {
      shape[i] = ne[ne.length - 1 - i];
    }
    return shape;
  }

  private Map<String, GgufTensor> layOut(List<Info> infos, int alignment) {
    long start = (in.position() + alignment - 1) / alignment * alignment;
    long dataBytes = Math.max(0, file.byteSize() - start);
    List<Info> byPosition = new ArrayList<>(infos);
    byPosition.sort(Comparator.comparingLong(Info::begin).thenComparingLong(Info::bytes));
    long end = 0;
    for (Info info : byPosition) {
      String what = "tensor \"" + info.name() + "\"";
      if (info.begin() < end) {
        throw in.bad(what + ": overlaps its neighbour", "offset >= " + end, "" + info.begin());
      }
      if (info.bytes() > dataBytes || info.begin() > dataBytes - info.bytes()) {
        throw in.bad(
            what + ": truncated file",
            info.bytes() + " bytes at offset " + info.begin(),
            dataBytes + " bytes of data");
      }
      end = info.begin() + info.bytes();
    }
    Map<String, GgufTensor> tensors = new LinkedHashMap<>(2 * infos.size());
    for (Info info : infos) {
      long position = start + info.begin();
      // an empty tensor at the end of a file without padding has no bytes to point at
      MemorySegment data =
          info.bytes() == 0 ? file.asSlice(0, 0) : file.asSlice(position, info.bytes());
      GgufTensor tensor = new GgufTensor(info.name(), info.type(), info.shape(), position, data);
      if (tensors.put(info.name(), tensor) != null) {
        throw in.bad("tensor \"" + info.name() + "\"", "one entry", "a second one");
      }
    }
    return Collections.unmodifiableMap(tensors);
  }
}
