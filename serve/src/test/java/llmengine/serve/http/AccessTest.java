package llmengine.serve.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import llmengine.data.Tokenizer;
import llmengine.serve.ScriptedGenerations;
import llmengine.serve.TestServer;
import llmengine.train.config.ConfigException;
import org.junit.jupiter.api.Test;

class AccessTest {
  private static final Tokenizer TOKENIZER = TestServer.tokenizer();
  private static final String CHAT = "{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}]}";

  private static TestServer server(UnaryOperator<ServerSettings> change) {
    return new TestServer(ScriptedGenerations.fast(TOKENIZER, "Yes."), change);
  }

  /** Sends these bytes and reads to the end of the connection. */
  private static String raw(TestServer server, String request) throws IOException {
    try (Socket socket = new Socket("localhost", server.port())) {
      socket.setSoTimeout(20_000);
      socket.getOutputStream().write(request.getBytes(StandardCharsets.UTF_8));
      return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  private static ServerSettings with(
      ServerSettings s, List<String> keys, List<String> origins, long body, Duration read) {
    return new ServerSettings(
        s.host(), s.port(), keys, "/llm", origins, body, s.timeLimit(), read, s.drainTime(), true);
  }

  private static ServerSettings timed(ServerSettings s, Duration whole, Duration drain) {
    return new ServerSettings(
        s.host(),
        s.port(),
        s.keys(),
        s.rootPath(),
        s.origins(),
        s.bodyLimit(),
        whole,
        s.readLimit(),
        drain,
        false);
  }

  @Test
  void oneOfTheKeysIsNeeded() throws IOException, InterruptedException {
    try (TestServer server =
        server(s -> with(s, List.of("first", "second"), List.of(), 1000, s.readLimit()))) {
      HttpResponse<String> none = server.post("/v1/chat/completions", CHAT);
      assertThat(none.statusCode()).isEqualTo(401);
      assertThat(none.headers().firstValue("WWW-Authenticate")).contains("Bearer");
      assertThat(TestServer.json(none).at("/error/code").textValue()).isEqualTo("invalid_api_key");
      for (String wrong : List.of("Bearer", "Bearer ", "Bearer firs", "Bearer firstt", "first")) {
        assertThat(server.get("/v1/models", "Authorization", wrong).statusCode()).isEqualTo(401);
      }
      for (String path : List.of("/v1/models", "/llm/v1/models", "/metrics", "/llm/metrics")) {
        assertThat(server.get(path).statusCode()).as(path).isEqualTo(401);
        assertThat(server.get(path, "Authorization", "Bearer second").statusCode())
            .as(path)
            .isEqualTo(200);
      }
      for (String path : List.of("//v1/models", "/./v1/models", "/v1/./models", "/%761/models")) {
        assertThat(server.get(path).statusCode()).as(path).isIn(400, 401, 404);
      }
      assertThat(
              server
                  .post("/llm/v1/chat/completions", CHAT, "Authorization", "bearer first")
                  .statusCode())
          .isEqualTo(200);
      assertThat(server.get("/health").statusCode()).isEqualTo(200);
      assertThat(server.log()).anyMatch(line -> line.contains("POST /llm/v1/chat/completions 200"));
      assertThat(server.log()).noneMatch(line -> line.contains("first"));
    }
  }

  @Test
  void pagesOfListedOriginsMayCall() throws IOException, InterruptedException {
    try (TestServer server =
        server(s -> with(s, List.of("key"), List.of("https://ok.example"), 1000, s.readLimit()))) {
      HttpResponse<String> preflight =
          server.send(
              "OPTIONS",
              "/v1/chat/completions",
              "Origin",
              "https://ok.example",
              "Access-Control-Request-Method",
              "POST",
              "Access-Control-Request-Headers",
              "authorization,content-type");
      assertThat(preflight.statusCode()).isEqualTo(204);
      assertThat(preflight.headers().firstValue("Access-Control-Allow-Headers"))
          .contains("authorization,content-type");
      HttpResponse<String> called =
          server.post(
              "/v1/chat/completions",
              CHAT,
              "Origin",
              "https://ok.example",
              "Authorization",
              "Bearer key");
      assertThat(called.statusCode()).isEqualTo(200);
      assertThat(called.headers().firstValue("Access-Control-Allow-Origin"))
          .contains("https://ok.example");
      HttpResponse<String> other =
          server.post("/v1/chat/completions", CHAT, "Origin", "https://bad.example");
      assertThat(other.statusCode()).isEqualTo(403);
      assertThat(other.headers().firstValue("Access-Control-Allow-Origin")).isEmpty();
    }
  }

  @Test
  void withoutKeysOnlyThisMachinesNamesWork() throws IOException {
    try (TestServer server = server(UnaryOperator.identity())) {
      String request = "GET /v1/models HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n";
      assertThat(raw(server, request.formatted("evil.example"))).startsWith("HTTP/1.1 403");
      assertThat(raw(server, request.formatted("127.0.0.1:1"))).startsWith("HTTP/1.1 200");
    }
  }

  @Test
  void largeBodiesAreRefusedWhetherTheySaySoOrNot() throws IOException, InterruptedException {
    try (TestServer server = server(s -> with(s, List.of(), List.of(), 1000, s.readLimit()))) {
      String large = CHAT + " ".repeat(2000);
      assertThat(server.post("/v1/chat/completions", large).statusCode()).isEqualTo(413);
      String chunked =
          "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
              + "\r\n7d0\r\n"
              + large.substring(0, 2000)
              + "\r\n0\r\n\r\n";
      assertThat(raw(server, chunked)).startsWith("HTTP/1.1 413").contains("request_too_large");
    }
  }

  @Test
  void aBodyThatDoesNotComeIsNotWaitedFor() throws IOException {
    try (TestServer server =
        server(s -> with(s, List.of(), List.of(), 1000, Duration.ofMillis(200)))) {
      String answer =
          raw(
              server,
              "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 90\r\n\r\n"
                  + "{");
      assertThat(answer).startsWith("HTTP/1.1 408").contains("request body: late");
    }
  }

  @Test
  void aTakenPortIsSaidAtOnce() {
    try (TestServer server = server(UnaryOperator.identity())) {
      assertThatThrownBy(
              () ->
                  server(
                      s ->
                          new ServerSettings(
                              s.host(),
                              server.port(),
                              s.keys(),
                              s.rootPath(),
                              s.origins(),
                              s.bodyLimit(),
                              s.timeLimit(),
                              s.readLimit(),
                              s.drainTime(),
                              false)))
          .isInstanceOf(ConfigException.class)
          .hasMessageContaining("got 127.0.0.1:" + server.port());
    }
  }

  @Test
  void whatIsNoHttpGetsAnError() throws IOException {
    try (TestServer server = server(UnaryOperator.identity())) {
      assertThat(raw(server, "GET  HTTP/1.1\r\n\r\n")).startsWith("HTTP/1.1 400");
    }
  }

  @Test
  void anAnswerThatTakesTooLongIsATimeout() throws IOException, InterruptedException {
    ScriptedGenerations slow = ScriptedGenerations.paced(TOKENIZER, "Never.");
    try (TestServer server =
        new TestServer(slow, s -> timed(s, Duration.ofMillis(100), s.drainTime()))) {
      HttpResponse<String> late = server.post("/v1/chat/completions", CHAT);
      assertThat(late.statusCode()).isEqualTo(408);
      assertThat(slow.gone.await(20, TimeUnit.SECONDS)).isTrue();

      slow.allow(1);
      HttpResponse<String> stream =
          server.post("/v1/chat/completions", CHAT.replace("}]}", "}], \"stream\": true}"));
      assertThat(stream.body()).contains("\"timeout\"").doesNotContain("[DONE]");
    }
  }

  @Test
  void aClientThatGoesEndsTheWorkAlsoWithoutAStream() throws Exception {
    ScriptedGenerations slow = ScriptedGenerations.paced(TOKENIZER, "Never.");
    try (TestServer server = new TestServer(slow, UnaryOperator.identity())) {
      try (Socket socket = new Socket("localhost", server.port())) {
        OutputStream out = socket.getOutputStream();
        out.write(
            ("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
                    + CHAT.length()
                    + "\r\n\r\n"
                    + CHAT)
                .getBytes(StandardCharsets.UTF_8));
        slow.allow(1);
        assertThat(slow.gone.await(100, TimeUnit.MILLISECONDS)).isFalse();
      }
      assertThat(slow.gone.await(20, TimeUnit.SECONDS)).isTrue();
    }
  }

  @Test
  void requestsOfOneConnectionFollowEachOther() throws IOException {
    try (TestServer server = server(UnaryOperator.identity());
        Socket socket = new Socket("localhost", server.port())) {
      socket.setSoTimeout(20_000);
      String request =
          "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
              + CHAT.length()
              + "\r\n\r\n"
              + CHAT;
      // the second is there while the first is being answered
      socket.getOutputStream().write((request + request).getBytes(StandardCharsets.UTF_8));
      assertThat(answers(socket.getInputStream(), 2)).isEqualTo(2);
      socket.getOutputStream().write(request.getBytes(StandardCharsets.UTF_8));
      assertThat(answers(socket.getInputStream(), 1)).isEqualTo(1);
    }
  }

  /** Counts whole answers up to a number. */
  private static int answers(InputStream in, int most) throws IOException {
    StringBuilder text = new StringBuilder();
    int count = 0;
    while (count < most) {
      int c = in.read();
      if (c < 0) {
        break;
      }
      text.append((char) c);
      count = text.toString().split("\"cached_tokens\":3}}}", -1).length - 1;
    }
    return count;
  }

  @Test
  void aStoppingServerFinishesWhatRunsAndTakesNoMore() throws Exception {
    ScriptedGenerations slow = ScriptedGenerations.paced(TOKENIZER, "Yes.");
    try (TestServer server = new TestServer(slow, UnaryOperator.identity())) {
      slow.allow(1);
      CompletableFuture<HttpResponse<String>> running =
          CompletableFuture.supplyAsync(() -> chat(server));
      while (slow.asked == null) {
        Thread.onSpinWait();
      }
      CompletableFuture<Void> stopped = CompletableFuture.runAsync(server::stop);
      while (server.get("/health").statusCode() != 503) {
        Thread.onSpinWait();
      }
      HttpResponse<String> late = chat(server);
      assertThat(late.statusCode()).isEqualTo(503);
      assertThat(late.headers().firstValue("Retry-After")).isPresent();
      assertThat(stopped).isNotDone();
      slow.allow(100);

      assertThat(running.get(20, TimeUnit.SECONDS).body()).contains("Yes.");
      stopped.get(20, TimeUnit.SECONDS);
    }
  }

  @Test
  void whatDoesNotFinishIsEndedWithAnError() throws Exception {
    ScriptedGenerations slow = ScriptedGenerations.paced(TOKENIZER, "Never.");
    try (TestServer server = new TestServer(slow, s -> timed(s, s.timeLimit(), Duration.ZERO))) {
      CompletableFuture<HttpResponse<String>> running =
          CompletableFuture.supplyAsync(() -> chat(server));
      while (slow.asked == null) {
        Thread.onSpinWait();
      }
      server.stop();
      assertThat(running.get(20, TimeUnit.SECONDS).statusCode()).isEqualTo(503);
    }
  }

  private static HttpResponse<String> chat(TestServer server) {
    try {
      return server.post("/v1/chat/completions", CHAT);
    } catch (IOException | InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}
