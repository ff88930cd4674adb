package llmengine.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import llmengine.train.config.ConfigException;
import llmengine.train.ppo.RewardException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Stage ppo from configuration to files, with a server that rewards the letter e. */
class PpoRunsTest {
  @TempDir private Path folder;
  private ShortRun tiny;
  private HttpServer server;
  private String address;
  private final AtomicInteger asked = new AtomicInteger();
  private volatile int failFrom = Integer.MAX_VALUE;
  private volatile int slowFrom = Integer.MAX_VALUE;
  private volatile int slowTo = Integer.MAX_VALUE;

  @BeforeEach
  void serve() throws IOException {
    tiny = new ShortRun(folder);
    ObjectMapper json = new ObjectMapper();
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setExecutor(
        Executors.newVirtualThreadPerTaskExecutor()); // a slow answer delays no other
    server.createContext(
        "/",
        exchange -> {
          JsonNode body = json.readTree(exchange.getRequestBody().readAllBytes());
          List<Double> scores = new ArrayList<>();
          for (JsonNode text : body.path("messages")) {
            String answer = text.asText();
            answer = answer.substring(answer.lastIndexOf("assistant"));
            scores.add(answer.chars().filter(c -> c == 'e').count() / 4.0);
          }
          byte[] out =
              json.writeValueAsString(java.util.Map.of("scores", scores))
                  .getBytes(StandardCharsets.UTF_8);
          int number = asked.incrementAndGet();
          boolean fails = number >= failFrom;
          if (number >= slowFrom && number <= slowTo) {
            sleep(1000);
          }
          exchange.sendResponseHeaders(fails ? 503 : 200, out.length);
          exchange.getResponseBody().write(out);
          exchange.close();
        });
    server.start();
    address = "http://127.0.0.1:" + server.getAddress().getPort() + "/";
  }

  private static void sleep(long milliseconds) {
    try {
      Thread.sleep(milliseconds);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @AfterEach
  void stop() {
    server.stop(0);
  }

  private String[] words(String... more) {
    List<String> words =
        new ArrayList<>(
            List.of(
                "stage=ppo",
                "reward_model=" + address,
                "reward_model_type=api",
                "max_steps=4",
                "ppo_epochs=2",
                "ppo_buffer_size=2",
                "max_new_tokens=6",
                "top_k=0",
                "top_p=1.0",
                "value_head_dropout=0.1"));
    words.addAll(List.of(more));
    return words.toArray(String[]::new);
  }

  @Test
  void runsLogsAndResumesUnbroken() throws IOException {
    tiny.run("whole", words());
    assertThat(tiny.values("whole", "reward")).hasSize(4);
    assertThat(tiny.values("whole", "kl")).hasSize(4);
    assertThat(tiny.output("whole").resolve("value_head.safetensors")).exists();
    tiny.run("again", words());
    assertThat(tiny.weights("again").equals(tiny.weights("whole"))).isTrue();
    assertThat(tiny.run(ShortRun.after(2), "stopped", words())).isEqualTo(Trainer.End.INTERRUPTED);
    tiny.run("stopped", words());
    assertThat(tiny.weights("stopped").equals(tiny.weights("whole"))).isTrue();
    assertThat(tiny.log("stopped")).isEqualTo(tiny.log("whole"));
  }

  @Test
  void aServerThatStopsAnsweringLeavesACheckpoint() throws IOException {
    failFrom = 5; // two requests a step: the third step's
    assertThatThrownBy(() -> tiny.run("run", words("reward_timeout=0.4")))
        .isInstanceOf(RewardException.class)
        .hasMessageContaining("503")
        .hasMessageContaining("goes on from " + tiny.output("run").resolve("checkpoint-2"));
    assertThat(tiny.output("run").resolve("checkpoint-2")).isDirectory();
    failFrom = Integer.MAX_VALUE;
    tiny.run("run", words());
    tiny.run("whole", words());
    assertThat(tiny.weights("run").equals(tiny.weights("whole"))).isTrue();
  }

  @Test
  void aServerThatNeverAnsweredIsSaidBeforeAnyStep() throws IOException {
    server.stop(0);
    assertThatThrownBy(() -> tiny.run("run", words("reward_timeout=0.05")))
        .isInstanceOf(RewardException.class)
        .hasMessageContaining("expected scores, got: no connection, 4 times.")
        .hasMessageContaining("no step was done yet");
    assertThat(tiny.output("run").resolve("checkpoint-0")).doesNotExist();
  }

  @Test
  void aSlowServerIsAskedAgainAndThenTheRunStopsWithACheckpoint() throws IOException {
    tiny.run("whole", words());
    slowFrom = 5; // the third step's
    slowTo = 5; // and only once
    asked.set(0);
    tiny.run("patient", words("reward_timeout=0.4"));
    assertThat(tiny.weights("patient").equals(tiny.weights("whole"))).isTrue();
    slowTo = Integer.MAX_VALUE;
    asked.set(0);
    assertThatThrownBy(() -> tiny.run("run", words("reward_timeout=0.4")))
        .isInstanceOf(RewardException.class)
        .hasMessageContaining("timed out, 4 times")
        .hasMessageContaining("checkpoint-2");
    slowFrom = Integer.MAX_VALUE;
    tiny.run("run", words());
    assertThat(tiny.weights("run").equals(tiny.weights("whole"))).isTrue();
  }

  @Test
  void whatCannotRewardIsRefused() {
    refused("reward_model", "stage=ppo");
    refused("no address", words("reward_model=here"));
    refused("has no evaluation", words("eval_strategy=steps", "eval_dataset=more"));
    refused("is an adapter", words("reward_model_type=lora", "finetuning_type=full"));
    assertThatThrownBy(
            () -> tiny.run("x", words("reward_model=" + tiny.model, "reward_model_type=full")))
        .isInstanceOf(TrainException.class)
        .hasMessageContaining("without a head");
  }

  private void refused(String part, String... words) {
    assertThatThrownBy(() -> tiny.run("x", words))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining(part);
  }
}
