package llmengine.data.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import llmengine.data.DataException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HubTest {
  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final Predicate<String> NULL = line -> line.contains("null");

  @TempDir Path cache;

  private final List<String> told = Collections.synchronizedList(new ArrayList<>());
  private TestHub server;

  @BeforeEach
  void start() throws IOException {
    server = new TestHub();
  }

  @AfterEach
  void stop() {
    server.close();
  }

  private Hub hub(boolean offline, String token) {
    URI endpoint = URI.create(server.address());
    return new Hub(
        new HubSettings(endpoint, cache, Optional.ofNullable(token), offline),
        told::add,
        1,
        PATIENCE);
  }

  /** Downloads in a process of its own: the hub's address, the cache. */
  public static void main(String[] args) {
    HubSettings settings =
        new HubSettings(URI.create(args[0]), Path.of(args[1]), Optional.empty(), false);
    new Hub(settings, System.out::println, 1, PATIENCE).model("org/tiny", "main");
  }

  @Test
  void downloadsWhatIsNeededInTheLayoutOfTheCache() throws IOException {
    Path snapshot = hub(false, null).model("org/tiny", "main");
    Path model = cache.resolve("models--org--tiny");
    assertThat(snapshot).isEqualTo(model.resolve("snapshots").resolve(TestHub.COMMIT));
    assertThat(snapshot.resolve("model.safetensors"))
        .hasBinaryContent(server.files.get("model.safetensors"));
    assertThat(snapshot.resolve("config.json")).hasBinaryContent(server.files.get("config.json"));
    assertThat(snapshot.resolve("pytorch_model.bin")).doesNotExist();
    assertThat(model.resolve("refs/main")).hasContent(TestHub.COMMIT);
    assertThat(Files.readSymbolicLink(snapshot.resolve("model.safetensors")))
        .isEqualTo(
            Path.of(
                "../../blobs", TestHub.sha("SHA-256", "", server.files.get("model.safetensors"))));
    int asked = server.log.size();
    hub(false, null).model("org/tiny", "main");
    assertThat(server.log).hasSize(asked + 1); // the revision alone
  }

  @Test
  void aCutConnectionGoesOnWhereItStopped() {
    server.cutAfter = 100_000;
    Path snapshot = hub(false, null).model("org/tiny", "main");
    assertThat(snapshot.resolve("model.safetensors"))
        .hasBinaryContent(server.files.get("model.safetensors"));
    assertThat(server.log).anyMatch(line -> line.matches("store bytes=[1-9]\\d*- null"));
    assertThat(told).anyMatch(line -> line.endsWith("; trying again")).noneMatch(NULL);
  }

  @Test
  void aSilentConnectionIsCutAndGoesOn() {
    server.silentAfter = 100_000;
    HubSettings settings =
        new HubSettings(URI.create(server.address()), cache, Optional.empty(), false);
    Path snapshot =
        new Hub(settings, told::add, 1, Duration.ofSeconds(2)).model("org/tiny", "main");
    assertThat(snapshot.resolve("model.safetensors"))
        .hasBinaryContent(server.files.get("model.safetensors"));
    assertThat(told).anyMatch(line -> line.contains("nothing came for 2 seconds; trying again"));
    assertThat(server.log).anyMatch(line -> line.equals("store bytes=100000- null"));
  }

  @Test
  void damagedContentIsRefusedAndNotKept() throws IOException {
    server.lies = true;
    assertThatThrownBy(() -> hub(false, null).model("org/tiny", "main"))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("checksum");
    Path model = cache.resolve("models--org--tiny");
    try (var blobs = Files.list(model.resolve("blobs"))) {
      assertThat(blobs).isEmpty();
    }
    Path configuration = model.resolve("snapshots").resolve(TestHub.COMMIT).resolve("config.json");
    assertThat(configuration).doesNotExist(); // the last, so that it says that all is there
    server.lies = false;
    hub(false, null).model("org/tiny", "main");
    assertThat(configuration).exists();
  }

  @Test
  void theTokenStaysWithTheHub() {
    hub(false, "secret").model("org/tiny", "main");
    assertThat(server.log)
        .filteredOn(l -> l.startsWith("hub"))
        .allMatch(l -> l.endsWith("Bearer secret"));
    assertThat(server.log)
        .filteredOn(l -> l.startsWith("store"))
        .isNotEmpty()
        .allMatch(l -> l.endsWith("null"));
    assertThat(
            new HubSettings(URI.create("http://h"), cache, Optional.of("secret"), false).toString())
        .doesNotContain("secret");
  }

  @Test
  void refusalsSayWhatToDo() {
    server.refusal = 403;
    assertThatThrownBy(() -> hub(false, null).model("org/tiny", "main"))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("gated")
        .hasMessageContaining("HF_TOKEN");
    server.refusal = 401;
    assertThatThrownBy(() -> hub(false, null).model("org/tiny", "main"))
        .hasMessageContaining("private");
    server.refusal = 0;
    assertThatThrownBy(() -> hub(false, null).model("org/none", "main"))
        .hasMessageContaining("not found");
    server.refusal = 503;
    assertThatThrownBy(() -> hub(false, null).model("org/tiny", "main"))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("503");
  }

  @Test
  void offlineAsksNobody() {
    assertThatThrownBy(() -> hub(true, null).model("org/tiny", "main"))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("HF_HUB_OFFLINE");
    assertThat(server.log).isEmpty();
  }

  @Test
  void twoAtOnceDownloadOnce() throws Exception {
    Callable<Path> model = () -> hub(false, null).model("org/tiny", "main");
    try (var threads = Executors.newFixedThreadPool(4)) {
      for (Future<Path> each : threads.invokeAll(Collections.nCopies(4, model))) {
        assertThat(each.get().resolve("model.safetensors"))
            .hasBinaryContent(server.files.get("model.safetensors"));
      }
    }
    assertThat(server.log).filteredOn(line -> line.startsWith("store")).hasSize(1);
  }

  @Test
  void twoProcessesAtOnceDownloadOnce() throws Exception {
    server.both = new CountDownLatch(2); // the weights come when both processes have asked for them
    List<Process> processes = new ArrayList<>();
    List<Path> outputs = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      Path output = Files.createTempFile(cache, "process", ".log");
      outputs.add(output);
      processes.add(
          new ProcessBuilder(
                  Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                  "-Xmx64m",
                  "-XX:+UseSerialGC",
                  "-cp",
                  System.getProperty("java.class.path"),
                  HubTest.class.getName(),
                  server.address(),
                  cache.toString())
              .redirectErrorStream(true)
              .redirectOutput(output.toFile())
              .start());
    }
    try {
      for (int i = 0; i < 2; i++) {
        assertThat(processes.get(i).waitFor(120, TimeUnit.SECONDS)).isTrue();
        assertThat(processes.get(i).exitValue()).as(Files.readString(outputs.get(i))).isZero();
      }
    } finally {
      processes.forEach(Process::destroyForcibly);
    }
    assertThat(server.log).filteredOn(line -> line.startsWith("store")).hasSize(1);
    assertThat(server.log).filteredOn(line -> line.matches("hub GET .*/config.json .*")).hasSize(1);
    Path snapshot = cache.resolve("models--org--tiny/snapshots").resolve(TestHub.COMMIT);
    assertThat(snapshot.resolve("model.safetensors"))
        .hasBinaryContent(server.files.get("model.safetensors"));
    assertThat(snapshot.resolve("config.json")).hasBinaryContent(server.files.get("config.json"));
  }

  @Test
  void aHubThatCannotBeReachedIsSaidAtOnce() throws IOException {
    int closed;
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      closed = socket.getLocalPort();
    }
    for (String[] each :
        new String[][] {
          {"http://127.0.0.1:" + closed, "no connection to 127.0.0.1:" + closed},
          {"http://no-such-host.invalid", "no host no-such-host.invalid is known"}
        }) {
      HubSettings settings = new HubSettings(URI.create(each[0]), cache, Optional.empty(), false);
      assertThatThrownBy(() -> new Hub(settings, told::add).model("saves/typo", "main"))
          .isInstanceOf(DataException.class)
          .hasMessageStartingWith("saves/typo: can't be downloaded from " + each[0])
          .hasMessageContaining(each[1])
          .hasMessageNotContaining("null");
    }
    assertThat(told).isEmpty(); // not tried again
  }

  @Test
  void whatTheDiskRefusesIsSaidAndNotTriedAgain() throws IOException {
    Path file = Files.createFile(cache.resolve("file"));
    URI endpoint = URI.create(server.address());
    Hub inFile =
        new Hub(
            new HubSettings(endpoint, file.resolve("hub"), Optional.empty(), false),
            told::add,
            1,
            PATIENCE);
    assertThatThrownBy(() -> inFile.model("org/tiny", "main"))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("can't be written")
        .hasMessageContaining(file.toString());
    assertThat(told).isEmpty();

    Path full = Path.of("/dev/full");
    assumeTrue(Files.exists(full), "skipped: there is no /dev/full");
    Path blobs = Files.createDirectories(cache.resolve("models--org--tiny/blobs"));
    String etag = TestHub.sha("SHA-256", "", server.files.get("model.safetensors"));
    Files.createSymbolicLink(blobs.resolve(etag + ".incomplete"), full);
    assertThatThrownBy(() -> hub(false, null).model("org/tiny", "main"))
        .isInstanceOf(DataException.class)
        .hasMessageContaining(etag + ".incomplete: can't be written")
        .hasMessageContaining("free space")
        .hasMessageNotContaining("Check the connection");
    assertThat(told).isEmpty();
    assertThat(server.log).filteredOn(line -> line.startsWith("store")).hasSize(1);
    assertThat(blobs.resolve(etag)).doesNotExist();
    Files.delete(blobs.resolve(etag + ".incomplete"));
  }

  @Test
  void anotherAnswerThanAHubsIsNotTriedAgain() {
    server.isPage = true;
    assertThatThrownBy(() -> hub(false, null).model("org/tiny", "main"))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("not the answer of a hub");
    assertThat(told).isEmpty();
  }

  @Test
  void renamedModelsAndOddNamesAreFollowed() {
    server.isRenamed = true;
    byte[] odd = "{}".getBytes(StandardCharsets.UTF_8);
    server.files.put("odd name #1%20ü.json", odd);
    Path snapshot = hub(false, null).model("org/old", "main");
    assertThat(snapshot.resolve("model.safetensors"))
        .hasBinaryContent(server.files.get("model.safetensors"));
    assertThat(snapshot.resolve("odd name #1%20ü.json")).hasBinaryContent(odd);
    assertThatThrownBy(() -> hub(false, null).model("org/tiny", "a b/c"))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("a b/c");
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
    for (String wrong : List.of("huggingface", "ftp://host", "http:///path", "http://a b")) {
      assertThatThrownBy(() -> HubSettings.of(Map.of("HF_ENDPOINT", wrong), Optional.empty()))
          .isInstanceOf(DataException.class)
          .hasMessageContaining("HF_ENDPOINT");
    }
  }
}
