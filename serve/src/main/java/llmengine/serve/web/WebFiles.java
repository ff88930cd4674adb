package llmengine.serve.web;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;
import java.util.zip.CRC32C;

/**
 * The files of the web chat, which lie under {@code /web} on the class path. They are few and
 * small, and stay in memory once they were asked for. Safe for concurrent use.
 */
public final class WebFiles {
  /**
   * A file as HTTP gives it.
   *
   * @param etag changes with the content, in quotes
   */
  public record WebFile(byte[] bytes, String contentType, String etag) {}

  /**
   * Headers that go with every file. The page runs only scripts of its own and talks only to the
   * server it came from; markup reaches the page's tree only through DOMPurify (trusted types), so
   * that what a model writes stays text. {@code no-cache}: a browser asks whether its copy is
   * current, so that a new version of the program brings its page along.
   */
  public static final Map<String, String> HEADERS =
      Map.of(
          "Content-Security-Policy",
          "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
              + " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
              + " require-trusted-types-for 'script'; trusted-types dompurify",
          "X-Content-Type-Options",
          "nosniff",
          "Referrer-Policy",
          "no-referrer",
          "Cache-Control",
          "no-cache");

  private static final Map<String, String> TYPES =
      Map.of(
          "html", "text/html; charset=utf-8",
          "js", "text/javascript; charset=utf-8",
          "css", "text/css; charset=utf-8",
          "svg", "image/svg+xml",
          "txt", "text/plain; charset=utf-8");

  /** Names of our own files, none of which begins with a dot: no way leads out of the folder. */
  private static final Pattern PATH =
      Pattern.compile("(?:[\\w-][\\w.-]*/)*[\\w-][\\w.-]*\\.(\\w+)");

  private static final Map<String, WebFile> KNOWN = new ConcurrentHashMap<>();

  private WebFiles() {}

  /**
   * The file of an address.
   *
   * @param path of the request, such as {@code /} or {@code /js/main.js}
   */
  public static Optional<WebFile> find(String path) {
    String name = path.equals("/") ? "index.html" : path.substring(path.startsWith("/") ? 1 : 0);
    WebFile known = KNOWN.get(name);
    if (known != null) {
      return Optional.of(known);
    }
    var match = PATH.matcher(name);
    if (!match.matches() || !TYPES.containsKey(match.group(1))) {
      return Optional.empty();
    }
    Optional<WebFile> read = read(name, TYPES.get(match.group(1)));
    read.ifPresent(file -> KNOWN.put(name, file));
    return read;
  }

  private static Optional<WebFile> read(String name, String type) {
    try (InputStream in = WebFiles.class.getResourceAsStream("/web/" + name)) {
      if (in == null) {
        return Optional.empty();
      }
      byte[] bytes = in.readAllBytes();
      CRC32C sum = new CRC32C();
      sum.update(bytes);
      String etag =
          "\"" + HexFormat.of().toHexDigits(sum.getValue(), 8) + "-" + bytes.length + "\"";
      return Optional.of(new WebFile(bytes, type, etag));
    } catch (IOException e) {
      throw new UncheckedIOException("web: cannot read " + name + " of the class path", e);
    }
  }
}
