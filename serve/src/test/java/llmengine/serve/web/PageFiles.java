package llmengine.serve.web;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Optional;

/** The page's files on the class path, for tests. */
final class PageFiles {
  private PageFiles() {}

  static Optional<byte[]> read(String name) {
    try (InputStream in = WebChat.class.getResourceAsStream("/" + WebChat.FOLDER + "/" + name)) {
      return in == null ? Optional.empty() : Optional.of(in.readAllBytes());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
