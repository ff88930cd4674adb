package llmengine.train;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;

/**
 * A name for what a frozen model computes: SHA-256 over its files' names, sizes, times of
 * modification and first and last {@value #EDGE} bytes, whole files if they are no longer than
 * that. Reading all of a large checkpoint would take as long as using it.
 */
final class ModelDigest {
  private static final int EDGE = 1 << 20;

  /** Raise when a model's arithmetic changes. */
  private static final String ARITHMETIC = "1";

  private final MessageDigest digest;

  ModelDigest() {
    try {
      digest = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
    add(ARITHMETIC);
  }

  /** Each value with its length, so that no two lists of values give the same bytes. */
  void add(Object... values) {
    for (Object value : values) {
      byte[] bytes = String.valueOf(value).getBytes(StandardCharsets.UTF_8);
      digest.update(ByteBuffer.allocate(Integer.BYTES).putInt(bytes.length).array());
      digest.update(bytes);
    }
  }

  /** The weight and configuration files of models or adapters, in order. */
  void addFolders(List<Path> folders) throws IOException {
    add("folders", folders.size());
    for (Path folder : folders) {
      if (Files.isRegularFile(folder)) {
        addFile(folder);
        continue;
      }
      try (Stream<Path> entries = Files.list(folder)) {
        for (Path file : (Iterable<Path>) entries.sorted()::iterator) {
          String name = file.getFileName().toString();
          if (Files.isRegularFile(file) && name.matches(".*\\.(safetensors|bin|gguf|json)")) {
            addFile(file);
          }
        }
      }
    }
  }

  private void addFile(Path file) throws IOException {
    long size = Files.size(file);
    add(file.getFileName(), size, Files.getLastModifiedTime(file).toMillis());
    try (FileChannel channel = FileChannel.open(file)) {
      read(channel, 0, (int) Math.min(EDGE, size));
      if (size > EDGE) {
        long from = Math.max(EDGE, size - EDGE);
        read(channel, from, (int) (size - from));
      }
    }
  }

  private void read(FileChannel channel, long from, int count) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(count);
    while (bytes.hasRemaining() && channel.read(bytes, from + bytes.position()) >= 0) {}
    digest.update(bytes.flip());
  }

  String hex() {
    return HexFormat.of().formatHex(digest.digest()).substring(0, 32);
  }
}
