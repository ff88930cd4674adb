package llmengine.data.hub;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/** A hub that speaks the same protocol, with another host for large files. */
final class TestHub implements AutoCloseable {
  static final String COMMIT = "0123456789abcdef0123456789abcdef01234567";

  private HttpServer hub;
  private HttpServer store;
  final Map<String, byte[]> files = new TreeMap<>();
  final List<String> log = Collections.synchronizedList(new ArrayList<>());

  /** Bytes after which the next answer of the store ends; -1 for none. */
  volatile int cutAfter = -1;

  /** Bytes after which the next answer of the store says nothing more; -1 for none. */
  volatile int silentAfter = -1;

  private final CountDownLatch closed = new CountDownLatch(1);

  /** Whether the store sends other content. */
  volatile boolean lies;

  /** Status of all answers of the hub; 0 for none. */
  volatile int refusal;

  /** Whether a page of text answers instead of the hub. */
  volatile boolean isPage;

  /** Whether org/old leads to org/tiny. */
  volatile boolean isRenamed;

  /** The store waits until so many have asked the hub for the weights. */
  volatile CountDownLatch both = new CountDownLatch(0);

  TestHub() throws IOException {
    byte[] weights = new byte[300_000];
    new Random(1).nextBytes(weights);
    files.put("config.json", "{\"a\": 1}".getBytes(StandardCharsets.UTF_8));
    files.put("model.safetensors", weights);
    files.put("pytorch_model.bin", new byte[10]);
    files.put("onnx/model.onnx", new byte[10]);
    hub = server(this::hub);
    store = server(this::store);
  }

  private static HttpServer server(com.sun.net.httpserver.HttpHandler handler) throws IOException {
    HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
    server.createContext("/", handler);
    server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
    server.start();
    return server;
  }

  @Override
  public void close() {
    closed.countDown();
    hub.stop(0);
    store.stop(0);
  }

  /** Of the hub. */
  String address() {
    return address(hub);
  }

  private static String address(HttpServer server) {
    return "http://127.0.0.1:" + server.getAddress().getPort();
  }

  private void hub(HttpExchange e) throws IOException {
    String path = e.getRequestURI().getPath();
    String token = e.getRequestHeaders().getFirst("Authorization");
    log.add("hub " + e.getRequestMethod() + " " + path + " " + token);
    if (refusal != 0) {
      if (refusal == 403) {
        e.getResponseHeaders().add("X-Error-Code", "GatedRepo");
      }
      e.sendResponseHeaders(refusal, -1);
    } else if (isPage) {
      byte[] page = "<html>sign in</html>".getBytes(StandardCharsets.UTF_8);
      e.sendResponseHeaders(200, page.length);
      e.getResponseBody().write(page);
    } else if (isRenamed && path.contains("org/old/")) {
      String raw = e.getRequestURI().getRawPath();
      e.getResponseHeaders().add("Location", raw.replace("org/old/", "org/tiny/"));
      e.sendResponseHeaders(307, -1);
    } else if (path.equals("/api/models/org/tiny/revision/main")) {
      StringBuilder json = new StringBuilder("{\"sha\": \"" + COMMIT + "\", \"siblings\": [");
      files.keySet().forEach(f -> json.append("{\"rfilename\": \"" + f + "\"},"));
      byte[] body = (json.substring(0, json.length() - 1) + "]}").getBytes(StandardCharsets.UTF_8);
      e.sendResponseHeaders(200, body.length);
      e.getResponseBody().write(body);
    } else if (path.startsWith("/org/tiny/resolve/" + COMMIT + "/")) {
      String name = path.substring(path.lastIndexOf('/') + 1);
      byte[] content = files.get(name);
      if (name.endsWith(".safetensors")) {
        both.countDown();
        e.getResponseHeaders().add("X-Linked-ETag", '"' + sha("SHA-256", "", content) + '"');
        e.getResponseHeaders().add("X-Linked-Size", "" + content.length);
        e.getResponseHeaders().add("Location", address(store) + "/" + name);
        e.sendResponseHeaders(302, -1);
      } else {
        String etag = sha("SHA-1", "blob " + content.length + "\0", content);
        e.getResponseHeaders().add("ETag", '"' + etag + '"');
        if (e.getRequestMethod().equals("HEAD")) {
          e.getResponseHeaders().add("Content-Length", "" + content.length);
          e.sendResponseHeaders(200, -1);
        } else {
          e.sendResponseHeaders(200, content.length);
          e.getResponseBody().write(content);
        }
      }
    } else {
      e.sendResponseHeaders(404, -1);
    }
    e.close();
  }

  private void store(HttpExchange e) throws IOException {
    byte[] content = files.get(e.getRequestURI().getPath().substring(1)).clone();
    String range = e.getRequestHeaders().getFirst("Range");
    log.add("store " + range + " " + e.getRequestHeaders().getFirst("Authorization"));
    if (lies) {
      content[7]++;
    }
    await(both);
    int from = range == null ? 0 : Integer.parseInt(range.replaceAll("bytes=(\\d+)-", "$1"));
    e.sendResponseHeaders(range == null ? 200 : 206, content.length - from);
    int cut = cutAfter;
    int silent = silentAfter;
    cutAfter = -1;
    silentAfter = -1;
    int end = Math.max(cut, silent);
    e.getResponseBody().write(content, from, end < 0 ? content.length - from : end);
    if (silent >= 0) {
      e.getResponseBody().flush();
      await(closed);
    }
    e.close();
  }

  private static void await(CountDownLatch latch) throws IOException {
    try {
      assertThat(latch.await(60, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new IOException(e);
    }
  }

  static String sha(String algorithm, String head, byte[] content) {
    try {
      MessageDigest digest = MessageDigest.getInstance(algorithm);
      digest.update(head.getBytes(StandardCharsets.US_ASCII));
      return HexFormat.of().formatHex(digest.digest(content));
    } catch (java.security.NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }
}
