package llmengine.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The examples of stage ppo run: with a reward server, and at the end of the chain to it. */
class PpoExamplesTest {
  private static final Path EXAMPLES = Path.of("../examples");
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir Path folder;

  @Test
  void rewardsOfAServer() throws IOException {
    AtomicInteger texts = new AtomicInteger();
    HttpServer server =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext(
        "/",
        exchange -> {
          JsonNode messages = JSON.readTree(exchange.getRequestBody()).path("messages");
          ObjectNode answer = JSON.createObjectNode();
          for (JsonNode text : messages) {
            texts.incrementAndGet();
            answer.withArray("scores").add(-text.asText().length() / 100.0);
          }
          byte[] bytes = JSON.writeValueAsBytes(answer);
          exchange.sendResponseHeaders(200, bytes.length);
          exchange.getResponseBody().write(bytes);
          exchange.close();
        });
    server.start();
    try {
      Path out =
          train(
              "quickstart_ppo.yaml",
              2,
              "ppo_buffer_size=1", // fewer answers than the example's
              "max_new_tokens=16",
              "reward_model=http://127.0.0.1:" + server.getAddress().getPort() + "/",
              "logging_steps=1");
      assertThat(texts.get()).isPositive();
      rewardsAreLogged(out);
    } finally {
      server.stop(0);
    }
  }

  @Test
  void rewardsOfATrainedModel() throws IOException {
    Path taste = train("quickstart.yaml", 3);
    Path reward = train("quickstart_reward.yaml", 3);
    Path out =
        train(
            "quickstart_ppo_reward.yaml",
            2,
            "ppo_buffer_size=1",
            "max_new_tokens=16",
            "adapter_name_or_path=" + taste,
            "reward_model=" + reward,
            "ref_model=" + EXAMPLES.resolve("quickstart-model/model"),
            "ref_model_adapters=" + taste,
            "logging_steps=1");
    rewardsAreLogged(out);
  }

  private static void rewardsAreLogged(Path out) throws IOException {
    JsonNode state = JSON.readTree(out.resolve("trainer_state.json").toFile());
    List<Double> rewards = new ArrayList<>();
    state
        .path("log_history")
        .forEach(
            line -> {
              if (line.has("reward")) {
                rewards.add(line.path("reward").asDouble());
              }
            });
    assertThat(rewards).isNotEmpty().allMatch(Double::isFinite);
    assertThat(Files.exists(out.resolve("adapter_model.safetensors"))).isTrue();
  }

  private Path train(String example, int steps, String... more) {
    Path out = folder.resolve(example.replace(".yaml", ""));
    List<String> words =
        new ArrayList<>(
            List.of(
                "train",
                EXAMPLES.resolve(example).toString(),
                "model_name_or_path=" + EXAMPLES.resolve("quickstart-model/model"),
                "dataset_dir=" + EXAMPLES.resolve("quickstart-data"),
                "max_steps=" + steps,
                "sample_prompts=[]",
                "output_dir=" + out));
    words.addAll(List.of(more));
    StringWriter printed = new StringWriter();
    PrintWriter writer = new PrintWriter(printed, true);
    int code = Main.run(writer, writer, words.toArray(String[]::new));
    assertThat(code).as(printed.toString()).isZero();
    return out;
  }
}
