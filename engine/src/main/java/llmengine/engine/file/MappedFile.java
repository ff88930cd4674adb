package llmengine.engine.file;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import llmengine.engine.FormatException;

/** Maps whole files, of any size, read-only. */
final class MappedFile {
  private MappedFile() {}

  static MemorySegment map(Path path, Arena arena) {
    if (!Files.isRegularFile(path)) {
      throw new FormatException(
          path
              + ": no such file: expected a regular file, got "
              + (Files.isDirectory(path) ? "a directory" : "nothing")
              + ". Check the path.");
    }
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      return channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
    } catch (IOException e) {
      throw new FormatException(
          path + ": can't be read: expected a readable file, got " + e + ". Check permissions.", e);
    }
  }
}
