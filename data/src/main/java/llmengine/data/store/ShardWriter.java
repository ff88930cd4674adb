package llmengine.data.store;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.zip.CRC32C;
import llmengine.data.process.Example;

/**
 * Writes one shard: whole map batches of tokenized rows. The file gets its name only when it is
 * complete and on disk, so that a killed process leaves no half shard.
 */
final class ShardWriter implements AutoCloseable {
  private static final ObjectMapper JSON = new ObjectMapper();

  private final Path target;
  private final Path temporary;
  private final FileChannel channel;
  private final int firstBatch;
  private final CRC32C checksum = new CRC32C();
  private final ByteBuffer buffer = ByteBuffer.allocate(1 << 18).order(ByteOrder.LITTLE_ENDIAN);
  private final ByteArrayOutputStream index = new ByteArrayOutputStream();
  private final ByteArrayOutputStream issues = new ByteArrayOutputStream();
  private long at = Shard.HEADER;
  private int batches;
  private int examples;
  private Counts counts = Counts.NONE;

  ShardWriter(Path target, int firstBatch) throws IOException {
    this.target = target;
    this.firstBatch = firstBatch;
    temporary = target.resolveSibling(target.getFileName() + ".tmp");
    channel =
        FileChannel.open(
            temporary,
            StandardOpenOption.CREATE,
            StandardOpenOption.WRITE,
            StandardOpenOption.TRUNCATE_EXISTING);
    channel.position(Shard.HEADER);
  }

  void add(Example example) throws IOException {
    byte[] entry = new byte[Shard.INDEX_ENTRY];
    ByteBuffer.wrap(entry)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(at)
        .putInt(example.ids().length)
        .putInt(example.learned());
    index.write(entry);
    for (int value : ExampleCodec.encode(example)) {
      if (buffer.remaining() < Integer.BYTES) {
        flush();
      }
      buffer.putInt(value);
      at += Integer.BYTES;
    }
    examples++;
  }

  void addIssue(String jsonLine) {
    issues.writeBytes((jsonLine + "\n").getBytes(StandardCharsets.UTF_8));
  }

  void endBatch(Counts batch) {
    counts = counts.plus(batch);
    batches++;
  }

  int batches() {
    return batches;
  }

  /** Bytes of rows so far. */
  long size() {
    return at;
  }

  /** Completes the file and gives it its name. */
  void finish() throws IOException {
    flush();
    byte[] json = json(counts);
    for (byte[] part : new byte[][] {index.toByteArray(), issues.toByteArray(), json}) {
      write(ByteBuffer.wrap(part));
    }
    ByteBuffer header =
        ByteBuffer.allocate(Shard.HEADER)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putLong(Shard.MAGIC)
            .putInt(firstBatch)
            .putInt(batches)
            .putInt(examples)
            .putInt(issues.size())
            .putInt(json.length)
            .putInt((int) checksum.getValue())
            .putLong(at);
    header.putInt(Shard.headerChecksum(header.array())).rewind();
    channel.write(header, 0);
    channel.force(true);
    channel.close();
    Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
  }

  @Override
  public void close() throws IOException {
    channel.close();
    Files.deleteIfExists(temporary);
  }

  private void flush() throws IOException {
    write(buffer.flip());
    buffer.clear();
  }

  private void write(ByteBuffer bytes) throws IOException {
    checksum.update(bytes.duplicate());
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
  }

  private static byte[] json(Counts counts) throws JsonProcessingException {
    return JSON.writeValueAsBytes(counts);
  }
}
