package llmengine.engine.file;

import java.io.File;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/**
 * A file that appears under its name only when complete and on disk: written to a hidden temporary
 * name beside it, fsynced, renamed. Closing before {@link #rename()} removes the temporary file and
 * leaves an older file of that name untouched.
 */
final class AtomicFile implements AutoCloseable {
  /** Opens the channel a file is written through; tests put a full disk here. */
  @FunctionalInterface
  interface Opener {
    WritableByteChannel open(Path path) throws IOException;
  }

  static final Opener DISK =
      path ->
          FileChannel.open(
              path,
              StandardOpenOption.CREATE,
              StandardOpenOption.TRUNCATE_EXISTING,
              StandardOpenOption.WRITE);

  private final Path target;
  private final Path temporary;
  private final WritableByteChannel channel;

  AtomicFile(Path target, Opener opener) throws IOException {
    this.target = target;
    this.temporary = target.resolveSibling("." + target.getFileName() + ".tmp");
    this.channel = opener.open(temporary);
  }

  void write(ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
  }

  /** Forces the bytes to disk; the file still has its temporary name. */
  void finish() throws IOException {
    if (channel instanceof FileChannel file) {
      file.force(true);
    }
    channel.close();
  }

  /** Gives the finished file its name, replacing an older one in one step. */
  void rename() throws IOException {
    Files.move(
        temporary, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }

  /** Makes renames in this directory durable; only POSIX systems can open a directory. */
  static void syncDirectory(Path directory) throws IOException {
    if (File.separatorChar == '/') {
      try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
        channel.force(true);
      }
    }
  }

  @Override
  public void close() throws IOException {
    channel.close();
    Files.deleteIfExists(temporary);
  }
}
