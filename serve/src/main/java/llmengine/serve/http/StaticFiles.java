package llmengine.serve.http;

import io.helidon.http.HeaderNames;
import io.helidon.http.Status;
import io.helidon.webserver.http.Handler;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Files of a folder on the class path, kept in memory once asked for; a folder's own path gives its
 * {@code index.html}. Answers carry an ETag and the policy of what a page may load and call.
 */
public final class StaticFiles implements Handler {
  private record Stored(byte[] content, String type, String tag) {}

  private static final Map<String, String> TYPES =
      Map.ofEntries(
          Map.entry("html", "text/html; charset=utf-8"),
          Map.entry("css", "text/css; charset=utf-8"),
          Map.entry("js", "text/javascript; charset=utf-8"),
          Map.entry("mjs", "text/javascript; charset=utf-8"),
          Map.entry("json", "application/json"),
          Map.entry("yaml", "application/yaml"),
          Map.entry("svg", "image/svg+xml"),
          Map.entry("png", "image/png"),
          Map.entry("ico", "image/x-icon"),
          Map.entry("webmanifest", "application/manifest+json"),
          Map.entry("woff2", "font/woff2"),
          Map.entry("txt", "text/plain; charset=utf-8"));
  private final String folder;
  private final String prefix;
  private final String policy;
  private final Map<String, Optional<Stored>> files = new ConcurrentHashMap<>();

  /**
   * @param folder on the class path, without slashes around it
   * @param prefix of the requests' paths, without a slash at its end
   * @param policy Content-Security-Policy of every file
   */
  public StaticFiles(String folder, String prefix, String policy) {
    this.folder = folder;
    this.prefix = prefix;
    this.policy = policy;
  }

  /** Sends the file of the request's path, or hands the request on if there is none. */
  @Override
  public void handle(ServerRequest request, ServerResponse response) {
    handle(request.path().path(), request, response);
  }

  /** Sends the file of a path. */
  void handle(String path, ServerRequest request, ServerResponse response) {
    String name = path.startsWith(prefix) ? path.substring(prefix.length()) : path;
    name = name.endsWith("/") || name.isEmpty() ? name + "/index.html" : name;
    Optional<Stored> file = file(name.replaceAll("/+", "/"));
    if (file.isEmpty()) {
      response.next();
      return;
    }
    Stored found = file.get();
    response.header(HeaderNames.ETAG, found.tag);
    response.header(HeaderNames.CACHE_CONTROL, "no-cache");
    response.header("Content-Security-Policy", policy);
    response.header("X-Content-Type-Options", "nosniff");
    response.header("Referrer-Policy", "no-referrer");
    if (request.headers().first(HeaderNames.IF_NONE_MATCH).filter(found.tag::equals).isPresent()) {
      response.status(Status.NOT_MODIFIED_304).send();
      return;
    }
    response.header(HeaderNames.CONTENT_TYPE, found.type);
    response.send(found.content);
  }

  private Optional<Stored> file(String name) {
    String type = TYPES.get(name.substring(name.lastIndexOf('.') + 1));
    // only plain names, of known types: no way up, and no growth of the map by names of nothing
    if (type == null || name.contains("..") || !name.matches("/[A-Za-z0-9._/@-]+")) {
      return Optional.empty();
    }
    Optional<Stored> known = files.get(name);
    if (known != null) {
      return known;
    }
    Optional<Stored> read = read(name, type);
    read.ifPresent(file -> files.put(name, read));
    return read;
  }

  private Optional<Stored> read(String name, String type) {
    try (InputStream in = StaticFiles.class.getResourceAsStream("/" + folder + name)) {
      if (in == null) {
        return Optional.empty();
      }
      byte[] content = in.readAllBytes();
      byte[] digest = MessageDigest.getInstance("SHA-256").digest(content);
      String tag = "\"" + HexFormat.of().formatHex(digest, 0, 12) + "\"";
      return Optional.of(new Stored(content, type, tag));
    } catch (IOException e) {
      throw new UncheckedIOException(folder + name + ": the class path can't be read", e);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }
}
