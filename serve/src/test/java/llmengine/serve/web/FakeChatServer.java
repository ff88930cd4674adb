package llmengine.serve.web;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * A server that speaks the API's protocol and answers what a test tells it to: for the odd cases
 * that no model produces on demand. It serves the real page.
 */
final class FakeChatServer implements AutoCloseable {
  /** A part of an answer. */
  sealed interface Step {
    record Say(String text) implements Step {}

    record Think(String text) implements Step {}

    /** A piece of a tool call, as it stands in a delta. */
    record Call(String json) implements Step {}

    /** Nothing happens until the latch is open. */
    record Await(CountDownLatch latch) implements Step {}

    record Pause(int millis) implements Step {}

    /** The connection breaks. */
    record Cut() implements Step {}

    record Finish(String reason) implements Step {}

    /** In place of an answer: an error. */
    record Refuse(int status, String message) implements Step {}
  }

  static final String MODEL = "tiny-llama";
  static final String ADAPTER = "tiny-llama-pirate";

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Map<String, String> TYPES =
      Map.of(
          "html", "text/html; charset=utf-8",
          "js", "text/javascript; charset=utf-8",
          "css", "text/css; charset=utf-8",
          "svg", "image/svg+xml");

  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final BlockingQueue<List<Step>> scripts = new LinkedBlockingQueue<>();
  final List<JsonNode> requests = java.util.Collections.synchronizedList(new ArrayList<>());
  final CountDownLatch clientGone = new CountDownLatch(1);
  private volatile Optional<String> key = Optional.empty();
  private HttpServer http;

  static FakeChatServer start() {
    FakeChatServer server = new FakeChatServer();
    server.open(0);
    return server;
  }

  private void open(int port) {
    try {
      http = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
    http.setExecutor(threads);
    http.createContext("/", exchange -> guarded(exchange, this::file));
    http.createContext("/v1/models", exchange -> guarded(exchange, this::models));
    http.createContext("/v1/chat/completions", exchange -> guarded(exchange, this::completion));
    http.start();
  }

  String address() {
    return "http://localhost:" + port() + "/";
  }

  int port() {
    return http.getAddress().getPort();
  }

  /** What the next request is answered. */
  FakeChatServer answer(Step... steps) {
    scripts.add(List.of(steps));
    return this;
  }

  FakeChatServer answer(String text) {
    return answer(new Step.Say(text));
  }

  void requireKey(String wanted) {
    key = Optional.of(wanted);
  }

  /** The process dies: all connections break and no new ones are taken. */
  void kill() {
    http.stop(0);
  }

  void restart(int port) {
    open(port);
  }

  JsonNode lastRequest() {
    return requests.getLast();
  }

  private interface Handler {
    void handle(HttpExchange exchange) throws IOException, InterruptedException;
  }

  private void guarded(HttpExchange exchange, Handler handler) {
    try (exchange) {
      handler.handle(exchange);
    } catch (IOException e) {
      clientGone.countDown();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void file(HttpExchange exchange) throws IOException {
    String path = exchange.getRequestURI().getPath();
    Optional<byte[]> file = PageFiles.read(path.equals("/") ? "index.html" : path.substring(1));
    if (file.isEmpty()) {
      exchange.sendResponseHeaders(404, -1);
      return;
    }
    String type = TYPES.get(path.substring(path.lastIndexOf('.') + 1));
    exchange.getResponseHeaders().set("Content-Type", type == null ? TYPES.get("html") : type);
    exchange.getResponseHeaders().set("Content-Security-Policy", WebChat.POLICY);
    exchange.getResponseHeaders().set("Cache-Control", "no-cache");
    send(exchange, 200, file.get());
  }

  private void models(HttpExchange exchange) throws IOException {
    if (refused(exchange)) {
      return;
    }
    ObjectNode body = JSON.createObjectNode().put("object", "list");
    for (String id : List.of(MODEL, ADAPTER)) {
      body.withArray("data")
          .addObject()
          .put("id", id)
          .put("object", "model")
          .put("max_model_len", 4096);
    }
    json(exchange, 200, body);
  }

  private void completion(HttpExchange exchange) throws IOException, InterruptedException {
    if (refused(exchange)) {
      return;
    }
    JsonNode request = JSON.readTree(exchange.getRequestBody());
    requests.add(request);
    List<Step> steps = scripts.poll(10, TimeUnit.SECONDS);
    if (steps == null) {
      json(exchange, 500, error("no answer was prepared"));
      return;
    }
    if (steps.getFirst() instanceof Step.Refuse(int status, String message)) {
      exchange.getResponseHeaders().set("Retry-After", "3");
      json(exchange, status, error(message));
      return;
    }
    exchange.getResponseHeaders().set("Content-Type", "text/event-stream");
    exchange.sendResponseHeaders(200, 0);
    try (OutputStream out = exchange.getResponseBody()) {
      stream(out, steps, request);
    }
  }

  private void stream(OutputStream out, List<Step> steps, JsonNode request)
      throws IOException, InterruptedException {
    String finish = "stop";
    int tokens = 0;
    for (Step step : steps) {
      ObjectNode delta = JSON.createObjectNode();
      switch (step) {
        case Step.Say(String text) -> delta.put("content", text);
        case Step.Think(String text) -> delta.put("reasoning_content", text);
        case Step.Call(String json) -> delta.putArray("tool_calls").add(JSON.readTree(json));
        case Step.Await(CountDownLatch latch) -> {
          await(out, latch);
          continue;
        }
        case Step.Pause(int millis) -> {
          Thread.sleep(millis);
          continue;
        }
        case Step.Cut() -> throw new IOException("cut as told");
        case Step.Finish(String reason) -> {
          finish = reason;
          continue;
        }
        case Step.Refuse(int status, String message) -> {
          event(out, error(message));
          return;
        }
      }
      tokens++;
      event(out, chunk(delta, null));
    }
    event(out, chunk(JSON.createObjectNode(), finish));
    if (request.path("stream_options").path("include_usage").asBoolean()) {
      ObjectNode usage = JSON.createObjectNode();
      usage.putArray("choices");
      usage.putObject("usage").put("prompt_tokens", 100).put("completion_tokens", tokens);
      event(out, usage);
    }
    out.write("data: [DONE]\n\n".getBytes(StandardCharsets.UTF_8));
    out.flush();
  }

  /** Comments in the meantime show whether the client is still there. */
  private static void await(OutputStream out, CountDownLatch latch)
      throws IOException, InterruptedException {
    while (!latch.await(50, TimeUnit.MILLISECONDS)) {
      out.write(": waiting\n\n".getBytes(StandardCharsets.UTF_8));
      out.flush();
    }
  }

  private static ObjectNode chunk(ObjectNode delta, String finish) {
    ObjectNode body = JSON.createObjectNode().put("object", "chat.completion.chunk");
    ObjectNode choice = body.putArray("choices").addObject().put("index", 0);
    choice.set("delta", delta);
    choice.put("finish_reason", finish);
    return body;
  }

  private static void event(OutputStream out, JsonNode data) throws IOException {
    out.write(("data:" + data + "\n\n").getBytes(StandardCharsets.UTF_8));
    out.flush();
  }

  private boolean refused(HttpExchange exchange) throws IOException {
    String given = exchange.getRequestHeaders().getFirst("Authorization");
    if (key.isEmpty() || ("Bearer " + key.get()).equals(given)) {
      return false;
    }
    json(exchange, 401, error("no or wrong API key"));
    return true;
  }

  private static ObjectNode error(String message) {
    ObjectNode body = JSON.createObjectNode();
    body.putObject("error").put("message", message).put("type", "invalid_request_error");
    return body;
  }

  private static void json(HttpExchange exchange, int status, JsonNode body) throws IOException {
    exchange.getResponseHeaders().set("Content-Type", "application/json");
    send(exchange, status, body.toString().getBytes(StandardCharsets.UTF_8));
  }

  private static void send(HttpExchange exchange, int status, byte[] bytes) throws IOException {
    exchange.sendResponseHeaders(status, bytes.length);
    exchange.getResponseBody().write(bytes);
  }

  @Override
  public void close() {
    http.stop(0);
    threads.shutdownNow();
  }
}
