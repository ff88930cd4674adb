package llmengine.train.callback.tracker;

import java.io.IOException;
import java.net.URI;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Posts JSON to an address: {@code {"event": "start" | "log" | "end", "run": ..., ...}}, with
 * settings at the start, step and values for each log, and whether the run finished at its end.
 */
public final class Webhook implements Tracker {
  private final Http http = new Http(Optional.empty());
  private final URI address;
  private final String run;

  public Webhook(URI address, String run) {
    this.address = address;
    this.run = run;
  }

  @Override
  public String name() {
    return "webhook_url";
  }

  @Override
  public void start(Map<String, String> settings) throws IOException, InterruptedException {
    post("start", Map.of("settings", settings));
  }

  @Override
  public void scalars(long step, Map<String, Double> values)
      throws IOException, InterruptedException {
    post("log", Map.of("step", step, "values", values));
  }

  @Override
  public void end(boolean finished) throws IOException, InterruptedException {
    post("end", Map.of("finished", finished));
  }

  private void post(String event, Map<String, Object> more)
      throws IOException, InterruptedException {
    Map<String, Object> body = new LinkedHashMap<>();
    body.put("event", event);
    body.put("run", run);
    body.putAll(more);
    http.send("POST", address, body);
  }
}
