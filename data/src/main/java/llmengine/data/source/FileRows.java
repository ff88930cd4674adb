package llmengine.data.source;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Set;
import llmengine.data.DataException;

/**
 * Rows of one file found by byte offset. Row i lies in [offsets[i], offsets[i + 1]); what follows
 * it there (a comma, a line end) is left to the decoder.
 */
final class FileRows implements RowSource {
  /**
   * Turns the bytes of a row into an object; throws IOException with a reason if they are
   * malformed.
   */
  interface Decoder {
    JsonNode decode(byte[] bytes) throws IOException;
  }

  private final Path file;
  private final FileChannel channel;
  private final long[] offsets; // size() + 1
  private final Set<String> columns;
  private final Decoder decoder;

  FileRows(Path file, long[] offsets, Set<String> columns, Decoder decoder) {
    this.file = file;
    this.offsets = offsets;
    this.columns = Set.copyOf(columns);
    this.decoder = decoder;
    try {
      this.channel = FileChannel.open(file, StandardOpenOption.READ);
    } catch (IOException e) {
      throw SourceFiles.unreadable(file, e);
    }
  }

  @Override
  public int size() {
    return offsets.length - 1;
  }

  @Override
  public Set<String> columns() {
    return columns;
  }

  @Override
  public JsonNode row(int index) {
    byte[] bytes = new byte[Math.toIntExact(offsets[index + 1] - offsets[index])];
    try {
      ByteBuffer buffer = ByteBuffer.wrap(bytes);
      while (buffer.hasRemaining()) {
        if (channel.read(buffer, offsets[index] + buffer.position()) < 0) {
          throw new DataException(
              file
                  + ": shrank while it was read: expected "
                  + offsets[index + 1]
                  + " bytes, got "
                  + channel.size()
                  + ".");
        }
      }
      return decoder.decode(bytes);
    } catch (IOException e) {
      throw new DataException(where(index) + ": malformed row: " + e.getMessage(), e);
    }
  }

  @Override
  public String where(int index) {
    long line = 1;
    try (InputStream in = new BufferedInputStream(Files.newInputStream(file), 1 << 16)) {
      for (long at = 0; at < offsets[index]; at++) {
        if (in.read() == '\n') {
          line++;
        }
      }
    } catch (IOException e) {
      throw SourceFiles.unreadable(file, e);
    }
    return file + ":" + line;
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      throw SourceFiles.unreadable(file, e);
    }
  }
}
