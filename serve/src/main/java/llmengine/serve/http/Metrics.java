package llmengine.serve.http;

import io.prometheus.metrics.core.metrics.Counter;
import io.prometheus.metrics.core.metrics.GaugeWithCallback;
import io.prometheus.metrics.core.metrics.Histogram;
import io.prometheus.metrics.expositionformats.PrometheusTextFormatWriter;
import io.prometheus.metrics.model.registry.PrometheusRegistry;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.function.DoubleSupplier;

/** What a server counts, in Prometheus' text form. Safe for concurrent use. */
public final class Metrics {
  /** The type of {@link #text}. */
  static final String TYPE = "text/plain; version=0.0.4; charset=utf-8";

  private static final double[] SECONDS = {
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600
  };

  private final PrometheusRegistry registry = new PrometheusRegistry();
  private final Counter requests =
      Counter.builder()
          .name("llmengine_http_requests_total")
          .help("Requests by path and status.")
          .labelNames("path", "status")
          .register(registry);
  private final Histogram requestSeconds =
      seconds(
          "llmengine_request_seconds", "Seconds from a generation's request to its last token.");
  private final Histogram firstToken =
      seconds("llmengine_time_to_first_token_seconds", "Seconds from a request to its first text.");
  private final Counter promptTokens =
      counter("llmengine_prompt_tokens_total", "Tokens of prompts.");
  private final Counter cachedTokens =
      counter(
          "llmengine_cached_prompt_tokens_total",
          "Tokens of prompts that were not computed again.");
  private final Counter generatedTokens =
      counter("llmengine_generated_tokens_total", "Tokens of answers.");

  private Counter counter(String name, String help) {
    return Counter.builder().name(name).help(help).register(registry);
  }

  private Histogram seconds(String name, String help) {
    return Histogram.builder()
        .name(name)
        .help(help)
        .classicOnly()
        .classicUpperBounds(SECONDS)
        .register(registry);
  }

  /** A value that is asked for when the metrics are read. */
  public void gauge(String name, String help, DoubleSupplier value) {
    GaugeWithCallback.builder()
        .name(name)
        .help(help)
        .callback(callback -> callback.call(value.getAsDouble()))
        .register(registry);
  }

  void request(String path, int status) {
    requests.labelValues(path, Integer.toString(status)).inc();
  }

  /** A prompt was accepted. */
  public void promptTokens(int count) {
    promptTokens.inc(count);
  }

  /** The first text of a request came after so long. */
  public void timeToFirstToken(double seconds) {
    firstToken.observe(seconds);
  }

  /** A request is over. */
  public void generated(int tokens, int cached, double seconds) {
    generatedTokens.inc(tokens);
    cachedTokens.inc(cached);
    requestSeconds.observe(seconds);
  }

  byte[] text() {
    try {
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      PrometheusTextFormatWriter.create().write(out, registry.scrape());
      return out.toByteArray();
    } catch (IOException e) {
      throw new UncheckedIOException("an array takes every byte", e);
    }
  }
}
