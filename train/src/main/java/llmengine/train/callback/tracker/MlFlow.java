package llmengine.train.callback.tracker;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** A run of an MLflow tracking server, through its REST API 2.0. */
public final class MlFlow implements Tracker {
  private static final int MOST_PARAMETERS = 100; // of one request
  private static final int LONGEST_VALUE = 500;

  private final Http http;
  private final URI server;
  private final String experiment;
  private final String runName;
  private String run;

  /**
   * @param server base address, from MLFLOW_TRACKING_URI
   * @param token from MLFLOW_TRACKING_TOKEN
   */
  public MlFlow(URI server, Optional<String> token, String experiment, String runName) {
    this.http = new Http(token);
    this.server = server;
    this.experiment = experiment;
    this.runName = runName;
  }

  @Override
  public String name() {
    return "mlflow";
  }

  @Override
  public void start(Map<String, String> settings) throws IOException, InterruptedException {
    Map<String, Object> create = new LinkedHashMap<>();
    create.put("experiment_id", experimentId());
    create.put("run_name", runName);
    create.put("start_time", System.currentTimeMillis());
    run = post("runs/create", create).path("run").path("info").path("run_id").asText();
    List<Map<String, String>> parameters = new ArrayList<>();
    settings.forEach(
        (key, value) -> {
          String shown = value.length() > LONGEST_VALUE ? value.substring(0, LONGEST_VALUE) : value;
          parameters.add(Map.of("key", key, "value", shown));
        });
    for (int at = 0; at < parameters.size(); at += MOST_PARAMETERS) {
      List<?> part = parameters.subList(at, Math.min(parameters.size(), at + MOST_PARAMETERS));
      post("runs/log-batch", Map.of("run_id", run, "params", part));
    }
  }

  private String experimentId() throws IOException, InterruptedException {
    String query = "experiments/get-by-name?experiment_name=" + encoded(experiment);
    try {
      JsonNode found = http.send("GET", api(query), null);
      return found.path("experiment").path("experiment_id").asText();
    } catch (Http.StatusException missing) {
      if (missing.status != 404) {
        throw missing;
      }
      return post("experiments/create", Map.of("name", experiment)).path("experiment_id").asText();
    }
  }

  @Override
  public void scalars(long step, Map<String, Double> values)
      throws IOException, InterruptedException {
    List<Map<String, Object>> metrics = new ArrayList<>();
    long now = System.currentTimeMillis();
    values.forEach(
        (name, value) ->
            metrics.add(Map.of("key", name, "value", value, "timestamp", now, "step", step)));
    post("runs/log-batch", Map.of("run_id", run, "metrics", metrics));
  }

  @Override
  public void end(boolean finished) throws IOException, InterruptedException {
    String status = finished ? "FINISHED" : "KILLED";
    post(
        "runs/update",
        Map.of("run_id", run, "status", status, "end_time", System.currentTimeMillis()));
  }

  private JsonNode post(String path, Object body) throws IOException, InterruptedException {
    return http.send("POST", api(path), body);
  }

  private URI api(String path) {
    String base = server.toString();
    return URI.create((base.endsWith("/") ? base : base + "/") + "api/2.0/mlflow/" + path);
  }

  private static String encoded(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8);
  }
}
