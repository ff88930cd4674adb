package llmengine.data.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import llmengine.data.DataException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Against a hub of our own that speaks the same protocol, with another host for large files. */
class HubTest {
  private static final String COMMIT = "0123456789abcdef0123456789abcdef01234567";

  @TempDir Path cache;

  private HttpServer hub;
  private HttpServer store;
  private final Map<String, byte[]> files = new TreeMap<>();
  private final List<String> log = Collections.synchronizedList(new ArrayList<>());
  private volatile int cutAfter = -1;
  private volatile boolean lies;
  private volatile int refusal;

  @BeforeEach
  void start() throws IOException {
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

  @AfterEach
  void stop() {
    hub.stop(0);
    store.stop(0);
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
    int from = range == null ? 0 : Integer.parseInt(range.replaceAll("bytes=(\\d+)-", "$1"));
    e.sendResponseHeaders(range == null ? 200 : 206, content.length - from);
    int cut = cutAfter;
    cutAfter = -1;
    e.getResponseBody().write(content, from, cut < 0 ? content.length - from : cut);
    e.close();
  }

  private static String sha(String algorithm, String head, byte[] content) {
    try {
      MessageDigest digest = MessageDigest.getInstance(algorithm);
      digest.update(head.getBytes(StandardCharsets.US_ASCII));
      return HexFormat.of().formatHex(digest.digest(content));
    } catch (java.security.NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }

  private Hub hub(boolean offline, String token) {
    URI endpoint = URI.create(address(hub));
    return new Hub(
        new HubSettings(endpoint, cache, Optional.ofNullable(token), offline), line -> {}, 1);
  }

  @Test
  void downloadsWhatIsNeededInTheLayoutOfTheCache() throws IOException {
    Path snapshot = hub(false, null).model("org/tiny", "main");
    Path model = cache.resolve("models--org--tiny");
    assertThat(snapshot).isEqualTo(model.resolve("snapshots").resolve(COMMIT));
    assertThat(snapshot.resolve("model.safetensors"))
        .hasBinaryContent(files.get("model.safetensors"));
    assertThat(snapshot.resolve("config.json")).hasBinaryContent(files.get("config.json"));
    assertThat(snapshot.resolve("pytorch_model.bin")).doesNotExist();
    assertThat(model.resolve("refs/main")).hasContent(COMMIT);
    assertThat(Files.readSymbolicLink(snapshot.resolve("model.safetensors")))
        .isEqualTo(Path.of("../../blobs", sha("SHA-256", "", files.get("model.safetensors"))));
    int asked = log.size();
    hub(false, null).model("org/tiny", "main");
    assertThat(log).hasSize(asked + 1); // the revision alone
  }

  @Test
  void aCutConnectionGoesOnWhereItStopped() {
    cutAfter = 100_000;
    Path snapshot = hub(false, null).model("org/tiny", "main");
    assertThat(snapshot.resolve("model.safetensors"))
        .hasBinaryContent(files.get("model.safetensors"));
    assertThat(log).anyMatch(line -> line.matches("store bytes=[1-9]\\d*- null"));
  }

  @Test
  void damagedContentIsRefusedAndNotKept() throws IOException {
    lies = true;
    assertThatThrownBy(() -> hub(false, null).model("org/tiny", "main"))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("checksum");
    try (var blobs = Files.list(cache.resolve("models--org--tiny/blobs"))) {
      assertThat(blobs).hasSize(1);
    }
    lies = false;
    hub(false, null).model("org/tiny", "main");
  }

  @Test
  void theTokenStaysWithTheHub() {
    hub(false, "secret").model("org/tiny", "main");
    assertThat(log).filteredOn(l -> l.startsWith("hub")).allMatch(l -> l.endsWith("Bearer secret"));
    assertThat(log)
        .filteredOn(l -> l.startsWith("store"))
        .isNotEmpty()
        .allMatch(l -> l.endsWith("null"));
    assertThat(
            new HubSettings(URI.create("http://h"), cache, Optional.of("secret"), false).toString())
        .doesNotContain("secret");
  }

  @Test
  void refusalsSayWhatToDo() {
    refusal = 403;
    assertThatThrownBy(() -> hub(false, null).model("org/tiny", "main"))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("gated")
        .hasMessageContaining("HF_TOKEN");
    refusal = 401;
    assertThatThrownBy(() -> hub(false, null).model("org/tiny", "main"))
        .hasMessageContaining("private");
    refusal = 0;
    assertThatThrownBy(() -> hub(false, null).model("org/none", "main"))
        .hasMessageContaining("not found");
    refusal = 503;
    assertThatThrownBy(() -> hub(false, null).model("org/tiny", "main"))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("503");
  }

  @Test
  void offlineAsksNobody() {
    assertThatThrownBy(() -> hub(true, null).model("org/tiny", "main"))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("HF_HUB_OFFLINE");
    assertThat(log).isEmpty();
  }

  @Test
  void twoAtOnceDownloadOnce() throws Exception {
    Callable<Path> model = () -> hub(false, null).model("org/tiny", "main");
    try (var threads = Executors.newFixedThreadPool(4)) {
      for (Future<Path> each : threads.invokeAll(Collections.nCopies(4, model))) {
        assertThat(each.get().resolve("model.safetensors"))
            .hasBinaryContent(files.get("model.safetensors"));
      }
    }
    assertThat(log).filteredOn(line -> line.startsWith("store")).hasSize(1);
  }

  @Test
  void settingsComeFromTheVariablesOfTheUsualClient() throws IOException {
    Files.writeString(cache.resolve("token"), "t0\n");
    HubSettings home = HubSettings.of(Map.of("HF_HOME", cache.toString()), Optional.empty());
    assertThat(home.cache()).isEqualTo(cache.resolve("hub"));
    assertThat(home.token()).contains("t0");
    assertThat(home.offline()).isFalse();
    HubSettings all =
        HubSettings.of(
            Map.of(
                "HF_HOME",
                cache.toString(),
                "HF_HUB_CACHE",
                "/c",
                "HF_TOKEN",
                "t1",
                "HF_ENDPOINT",
                "http://mirror/",
                "HF_HUB_OFFLINE",
                "1"),
            Optional.empty());
    assertThat(all)
        .isEqualTo(
            new HubSettings(URI.create("http://mirror"), Path.of("/c"), Optional.of("t1"), true));
    assertThatThrownBy(() -> HubSettings.of(Map.of("HF_ENDPOINT", "huggingface"), Optional.empty()))
        .isInstanceOf(DataException.class);
  }
}
