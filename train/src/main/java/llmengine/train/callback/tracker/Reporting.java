package llmengine.train.callback.tracker;

import java.io.IOException;
import java.net.InetAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import llmengine.train.TrainException;
import llmengine.train.config.ConfigException;
import llmengine.train.config.RunConfig;
import llmengine.train.config.Settings;

/** The trackers that {@code report_to} and {@code webhook_url} name. */
public final class Reporting {
  private static final DateTimeFormatter STAMP =
      DateTimeFormatter.ofPattern("MMMdd_HH-mm-ss", Locale.ENGLISH);

  private Reporting() {}

  /**
   * @param environment where MLFLOW_TRACKING_URI and the like are looked up
   */
  public static Trackers of(
      RunConfig config, Map<String, String> environment, Consumer<String> warnings) {
    List<Tracker> trackers = new ArrayList<>();
    Path folder = config.outputDir();
    String run =
        config.logging().runName().orElse(folder.toAbsolutePath().getFileName().toString());
    for (String name : config.logging().reportTo()) {
      switch (name) {
        case "tensorboard" -> trackers.add(tensorBoard(config, folder));
        case "mlflow" -> trackers.add(mlflow(environment, run));
        default -> {} // none
      }
    }
    config.logging().webhookUrl().ifPresent(url -> trackers.add(new Webhook(address(url), run)));
    return new Trackers(trackers, Settings.of(config), warnings);
  }

  private static Tracker tensorBoard(RunConfig config, Path output) {
    Path folder =
        config
            .logging()
            .loggingDir()
            .orElseGet(
                () -> output.resolve("runs").resolve(STAMP.format(LocalDateTime.now()) + host()));
    try {
      return new TensorBoard(folder);
    } catch (IOException e) {
      throw new TrainException(
          "logging_dir: "
              + folder
              + ": can't be written: expected room and permission, got: "
              + e.getMessage()
              + ". Choose another folder.",
          e);
    }
  }

  private static String host() {
    try {
      return "_" + InetAddress.getLocalHost().getHostName();
    } catch (UnknownHostException nameless) {
      return "";
    }
  }

  private static Tracker mlflow(Map<String, String> environment, String run) {
    String server = environment.get("MLFLOW_TRACKING_URI");
    if (server == null || !server.matches("https?://.+")) {
      throw new ConfigException(
          List.of(
              "report_to: mlflow: no server: expected its http address in MLFLOW_TRACKING_URI, got "
                  + (server == null ? "none" : server)
                  + ". Set it, or remove mlflow."));
    }
    return new MlFlow(
        URI.create(server),
        Optional.ofNullable(environment.get("MLFLOW_TRACKING_TOKEN")),
        environment.getOrDefault("MLFLOW_EXPERIMENT_NAME", "Default"),
        run);
  }

  private static URI address(String url) {
    if (!url.matches("https?://\\S+")) {
      throw new ConfigException(
          List.of(
              "webhook_url: no address: expected http://... or https://..., got "
                  + url
                  + ". Correct it."));
    }
    return URI.create(url);
  }
}
