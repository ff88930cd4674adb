package llmengine.serve.http;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.http.HttpResponse;
import java.util.List;
import java.util.function.UnaryOperator;
import llmengine.serve.ScriptedGenerations;
import llmengine.serve.TestServer;
import org.junit.jupiter.api.Test;

class StaticFilesTest {
  @Test
  void filesHaveTypesTagsAndAPolicy() throws IOException, InterruptedException {
    try (TestServer server =
        new TestServer(
            ScriptedGenerations.fast(TestServer.tokenizer(), "x"), UnaryOperator.identity())) {
      HttpResponse<String> page = server.get("/");
      assertThat(page.body()).contains("<title>Page</title>");
      assertThat(page.headers().firstValue("Content-Type")).contains("text/html; charset=utf-8");
      assertThat(page.headers().firstValue("Content-Security-Policy"))
          .contains("default-src 'self'");
      assertThat(page.headers().firstValue("X-Content-Type-Options")).contains("nosniff");
      String tag = page.headers().firstValue("ETag").orElseThrow();
      HttpResponse<String> again = server.get("/index.html", "If-None-Match", tag);
      assertThat(again.statusCode()).isEqualTo(304);
      assertThat(again.body()).isEmpty();
      assertThat(server.get("/style.css").headers().firstValue("Content-Type"))
          .contains("text/css; charset=utf-8");
      for (String path :
          List.of(
              "/none.css",
              "/../pages/style.css",
              "/..%2fpages/style.css",
              "/%2e%2e/junit-platform.properties",
              "/style.css/",
              "/llmengine/serve/TestServer.class")) {
        assertThat(server.get(path).statusCode()).as(path).isIn(400, 404);
      }
    }
  }
}
