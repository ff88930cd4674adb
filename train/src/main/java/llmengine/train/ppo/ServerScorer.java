package llmengine.train.ppo;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.List;
import llmengine.data.Tokenizer;

/**
 * Scores of a reward server, asked as LLaMA-Factory asks it: POST {@code {"model": "model",
 * "messages": [whole texts]}}, answered by {@code {"scores": [...]}}. A request that fails is
 * repeated a few times, later each time.
 */
public final class ServerScorer implements Scorer {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int TRIES = 4;

  private final URI address;
  private final Tokenizer tokenizer;
  private final Duration limit;
  private final Duration pause;
  private final HttpClient client;

  /**
   * @param limit for one answer
   * @param pause before the second try; each later one doubles it
   */
  public ServerScorer(URI address, Tokenizer tokenizer, Duration limit, Duration pause) {
    this.address = address;
    this.tokenizer = tokenizer;
    this.limit = limit;
    this.pause = pause;
    this.client = HttpClient.newBuilder().connectTimeout(limit).build();
  }

  @Override
  public double[] scores(List<int[]> conversations) {
    List<String> texts = conversations.stream().map(ids -> tokenizer.decode(ids, false)).toList();
    String failure = "";
    Duration wait = pause;
    for (int attempt = 1; attempt <= TRIES; attempt++) {
      try {
        return ask(texts);
      } catch (IOException e) {
        failure =
            e instanceof ConnectException
                ? "no connection"
                : e.getMessage() == null ? e.toString() : e.getMessage();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw failed("interrupted");
      }
      if (attempt < TRIES && !rest(wait)) {
        throw failed("interrupted");
      }
      wait = wait.multipliedBy(2);
    }
    throw failed(failure + ", " + TRIES + " times");
  }

  private static boolean rest(Duration wait) {
    try {
      Thread.sleep(wait);
      return true;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  private RewardException failed(String why) {
    return new RewardException("reward_model: " + address + ": expected scores, got: " + why + ".");
  }

  private double[] ask(List<String> texts) throws IOException, InterruptedException {
    HttpRequest request =
        HttpRequest.newBuilder(address)
            .timeout(limit)
            .header("Content-Type", "application/json")
            .POST(
                HttpRequest.BodyPublishers.ofString(
                    JSON.writeValueAsString(new Request("model", texts))))
            .build();
    HttpResponse<String> response = client.send(request, HttpResponse.BodyHandlers.ofString());
    if (response.statusCode() != 200) {
      throw new IOException("status " + response.statusCode());
    }
    JsonNode scores = JSON.readTree(response.body()).path("scores");
    if (!scores.isArray() || scores.size() != texts.size()) {
      throw new IOException(
          "an answer with " + scores.size() + " scores for " + texts.size() + " texts");
    }
    double[] numbers = new double[texts.size()];
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] = scores.path(i).asDouble(Double.NaN);
      if (!Double.isFinite(numbers[i])) {
        throw new IOException("a score that is no number: " + scores.path(i));
      }
    }
    return numbers;
  }

  /** What is posted; a record, so that its keys keep this order. */
  private record Request(String model, List<String> messages) {}
}
