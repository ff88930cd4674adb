package llmengine.data.store;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.zip.CRC32C;
import llmengine.data.process.Example;

/**
 * A complete file of tokenized rows, memory-mapped: header, rows ({@link ExampleCodec}), index
 * (byte offset, ids, learned tokens of each row: 16 bytes), issues as JSON lines, counts as JSON.
 */
final class Shard {
  static final long MAGIC = 0x3130_4b4f_544d_4c4cL; // "LLMTOK01"
  static final int HEADER = 64;
  static final int INDEX_ENTRY = 16;
  private static final int CHECKED_HEADER = 40;
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN).withByteAlignment(1);

  private final MemorySegment bytes;
  private final int firstBatch;
  private final int batches;
  private final int examples;
  private final long indexAt;
  private final long issuesAt;
  private final int issuesLength;
  private final Counts counts;

  /**
   * Maps and verifies a shard.
   *
   * @throws IOException if the file can't be read or isn't what was written (length, checksum)
   */
  Shard(Path file, Arena arena) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      if (channel.size() < HEADER) {
        throw new IOException(file + ": expected a header, got " + channel.size() + " bytes");
      }
      bytes = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
    }
    ByteBuffer header = bytes.asSlice(0, HEADER).asByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
    byte[] copy = new byte[HEADER];
    header.get(0, copy);
    if (header.getLong() != MAGIC || header.getInt(CHECKED_HEADER) != headerChecksum(copy)) {
      throw new IOException(file + ": damaged header");
    }
    firstBatch = header.getInt();
    batches = header.getInt();
    examples = header.getInt();
    issuesLength = header.getInt();
    int countsLength = header.getInt();
    int checksum = header.getInt();
    indexAt = header.getLong();
    issuesAt = indexAt + (long) examples * INDEX_ENTRY;
    long end = issuesAt + issuesLength + countsLength;
    if (end != bytes.byteSize()) {
      throw new IOException(file + ": expected " + end + " bytes, got " + bytes.byteSize());
    }
    if (checksum != checksum(bytes.asSlice(HEADER))) {
      throw new IOException(file + ": wrong checksum");
    }
    counts = new ObjectMapper().readValue(slice(end - countsLength, countsLength), Counts.class);
  }

  int firstBatch() {
    return firstBatch;
  }

  int batches() {
    return batches;
  }

  int examples() {
    return examples;
  }

  long bytes() {
    return bytes.byteSize();
  }

  Counts counts() {
    return counts;
  }

  /** JSON lines, one per affected row. */
  byte[] issues() {
    return slice(issuesAt, issuesLength);
  }

  Example get(int index) {
    return ExampleCodec.decode(bytes, bytes.get(LONG, entry(index)));
  }

  int length(int index) {
    return bytes.get(ExampleCodec.INT, entry(index) + 8);
  }

  int learned(int index) {
    return bytes.get(ExampleCodec.INT, entry(index) + 12);
  }

  static int headerChecksum(byte[] header) {
    var checksum = new CRC32C();
    checksum.update(Arrays.copyOf(header, CHECKED_HEADER));
    return (int) checksum.getValue();
  }

  private long entry(int index) {
    return indexAt + (long) index * INDEX_ENTRY;
  }

  private byte[] slice(long offset, int length) {
    return bytes.asSlice(offset, length).toArray(ValueLayout.JAVA_BYTE);
  }

  private static int checksum(MemorySegment data) {
    var checksum = new CRC32C();
    long chunk = 1L << 30; // a ByteBuffer ends at 2 GiB
    for (long from = 0; from < data.byteSize(); from += chunk) {
      checksum.update(data.asSlice(from, Math.min(chunk, data.byteSize() - from)).asByteBuffer());
    }
    return (int) checksum.getValue();
  }
}
