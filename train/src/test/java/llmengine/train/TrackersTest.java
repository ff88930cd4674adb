package llmengine.train;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.zip.CRC32C;
import llmengine.train.callback.tracker.MlFlow;
import llmengine.train.callback.tracker.TensorBoard;
import llmengine.train.callback.tracker.Tracker;
import llmengine.train.callback.tracker.Trackers;
import llmengine.train.callback.tracker.Webhook;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TrackersTest {
  private final ObjectMapper json = new ObjectMapper();
  private final List<String> warnings = Collections.synchronizedList(new ArrayList<>());
  private final List<String> requests = Collections.synchronizedList(new ArrayList<>());
  private final List<JsonNode> bodies = Collections.synchronizedList(new ArrayList<>());
  private volatile int failFrom = Integer.MAX_VALUE;
  private HttpServer server;
  private URI address;

  @BeforeEach
  void serve() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext(
        "/",
        exchange -> {
          requests.add(exchange.getRequestMethod() + " " + exchange.getRequestURI());
          byte[] body = exchange.getRequestBody().readAllBytes();
          bodies.add(body.length == 0 ? json.createObjectNode() : json.readTree(body));
          String path = exchange.getRequestURI().getPath();
          int status = requests.size() >= failFrom ? 500 : path.contains("get-by-name") ? 404 : 200;
          String answer =
              path.endsWith("experiments/create")
                  ? "{\"experiment_id\": \"7\"}"
                  : path.endsWith("runs/create")
                      ? "{\"run\": {\"info\": {\"run_id\": \"r1\"}}}"
                      : "{}";
          byte[] bytes = answer.getBytes(StandardCharsets.UTF_8);
          exchange.getResponseHeaders().add("Content-Type", "application/json");
          exchange.sendResponseHeaders(status, bytes.length);
          exchange.getResponseBody().write(bytes);
          exchange.close();
        });
    server.start();
    address = URI.create("http://127.0.0.1:" + server.getAddress().getPort());
  }

  @AfterEach
  void stop() {
    server.stop(0);
  }

  private void run(Tracker... trackers) {
    TrainerState state = new TrainerState();
    try (Trackers all =
        new Trackers(List.of(trackers), Map.of("learning_rate", "0.1"), warnings::add)) {
      state.step = 1;
      all.onLog(state, Map.of("loss", 2.5, "epoch", 0.5));
      state.step = 2;
      all.onEvaluate(state, Map.of("eval_loss", 1.5));
      all.onEnd(state, Map.of("train_loss", 2.0));
    }
  }

  @Test
  void mlflowGetsARunWithParametersAndMetrics() {
    run(new MlFlow(address, Optional.of("secret"), "mine", "one"));
    assertThat(warnings).isEmpty();
    assertThat(requests)
        .containsExactly(
            "GET /api/2.0/mlflow/experiments/get-by-name?experiment_name=mine",
            "POST /api/2.0/mlflow/experiments/create",
            "POST /api/2.0/mlflow/runs/create",
            "POST /api/2.0/mlflow/runs/log-batch",
            "POST /api/2.0/mlflow/runs/log-batch",
            "POST /api/2.0/mlflow/runs/log-batch",
            "POST /api/2.0/mlflow/runs/log-batch",
            "POST /api/2.0/mlflow/runs/update");
    assertThat(bodies.get(2).path("experiment_id").asText()).isEqualTo("7");
    assertThat(bodies.get(3).at("/params/0/value").asText()).isEqualTo("0.1");
    assertThat(bodies.get(5).at("/metrics/0/key").asText()).isEqualTo("eval_loss");
    assertThat(bodies.get(5).at("/metrics/0/step").asInt()).isEqualTo(2);
    assertThat(bodies.get(7).path("status").asText()).isEqualTo("FINISHED");
  }

  @Test
  void webhookGetsStartLogAndEnd() {
    run(new Webhook(address, "one"));
    assertThat(bodies.stream().map(b -> b.path("event").asText()))
        .containsExactly("start", "log", "log", "log", "end");
    assertThat(bodies.get(1).at("/values/loss").asDouble()).isEqualTo(2.5);
    assertThat(bodies.get(4).path("finished").asBoolean()).isTrue();
  }

  @Test
  void aTrackerThatIsDownIsReportedOnceAndTheOthersGoOn(@TempDir Path folder) throws IOException {
    failFrom = 2;
    Webhook dying = new Webhook(address, "one");
    Webhook absent = new Webhook(URI.create("http://127.0.0.1:1/"), "two");
    run(dying, absent, new TensorBoard(folder));
    assertThat(warnings).hasSize(2).allMatch(w -> w.contains("webhook_url: WARNING"));
    assertThat(tags(folder)).contains("train/loss", "eval/loss", "train/train_loss");
    assertThat(requests).hasSize(2);
  }

  @Test
  void tensorBoardFileHoldsWholeRecordsWithChecksums(@TempDir Path folder) throws IOException {
    run(new TensorBoard(folder));
    assertThat(tags(folder))
        .containsExactlyInAnyOrder(
            "args/text_summary", "train/loss", "train/epoch", "eval/loss", "train/train_loss");
  }

  /** Tags in the file, whose records are checked. */
  private static List<String> tags(Path folder) throws IOException {
    List<String> tags = new ArrayList<>();
    Path file;
    try (var files = Files.list(folder)) {
      file = files.findFirst().orElseThrow();
    }
    assertThat(file.getFileName().toString()).startsWith("events.out.tfevents.");
    ByteBuffer in = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
    while (in.hasRemaining()) {
      int at = in.position();
      int length = (int) in.getLong();
      assertThat(in.getInt()).isEqualTo(masked(in.array(), at, 8));
      byte[] body = new byte[length];
      in.get(body);
      assertThat(in.getInt()).isEqualTo(masked(body, 0, length));
      String text = new String(body, StandardCharsets.ISO_8859_1);
      var found = java.util.regex.Pattern.compile("(?:train|eval|args)/[a-z_]+").matcher(text);
      while (found.find()) {
        tags.add(found.group());
      }
    }
    return tags;
  }

  private static int masked(byte[] bytes, int from, int length) {
    CRC32C crc = new CRC32C();
    crc.update(bytes, from, length);
    int value = (int) crc.getValue();
    return Integer.rotateRight(value, 15) + 0xa282ead8;
  }
}
