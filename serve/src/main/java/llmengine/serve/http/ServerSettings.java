package llmengine.serve.http;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import llmengine.train.config.ConfigException;
import llmengine.train.config.RunConfig;
import llmengine.train.config.ServeArguments;

/**
 * How the server meets the network.
 *
 * @param port 0 for a free one
 * @param keys of which a request must bring one; empty asks for none
 * @param rootPath empty, or a path such as /llm under which everything is found too
 * @param origins of pages that may call; "*" for all
 * @param bodyLimit bytes of a request's body
 * @param timeLimit of a whole request
 * @param readLimit for a request to arrive
 * @param drainTime that running requests have when the server stops
 * @param verbose prints a line for every request
 */
public record ServerSettings(
    String host,
    int port,
    List<String> keys,
    String rootPath,
    List<String> origins,
    long bodyLimit,
    Duration timeLimit,
    Duration readLimit,
    Duration drainTime,
    boolean verbose) {
  private static final List<String> TRUE = List.of("true", "y", "1"); // LLaMA-Factory's

  public ServerSettings {
    keys = List.copyOf(keys);
    origins = List.copyOf(origins);
  }

  /**
   * What the configuration says, and where it is silent the environment.
   *
   * @throws ConfigException if a variable of the environment does not hold
   */
  public static ServerSettings of(RunConfig config, Map<String, String> environment) {
    ServeArguments s = config.serve();
    String host =
        config.isGiven("api_host")
            ? s.apiHost()
            : environment.getOrDefault("API_HOST", s.apiHost());
    List<String> keys = new ArrayList<>(s.apiKey());
    if (!config.isGiven("api_key") && environment.containsKey("API_KEY")) {
      Arrays.stream(environment.get("API_KEY").split(",")).map(String::strip).forEach(keys::add);
    }
    keys.removeIf(String::isBlank);
    boolean verbose =
        config.isGiven("api_verbose")
            ? s.apiVerbose()
            : TRUE.contains(environment.getOrDefault("API_VERBOSE", "").toLowerCase());
    return new ServerSettings(
        host,
        config.isGiven("api_port")
            ? s.apiPort()
            : number("API_PORT", environment, 0, 65535, s.apiPort()),
        keys,
        rootPath(s.apiRootPath().orElse(environment.getOrDefault("FASTAPI_ROOT_PATH", ""))),
        s.apiCorsOrigins(),
        (long) (s.apiBodyLimitMb() * 1e6),
        seconds(s.apiTimeLimit()),
        seconds(s.apiReadTimeLimit()),
        seconds(s.apiDrainTime()),
        verbose);
  }

  /** The model's name in requests: configured, or API_MODEL_NAME, or its path's last part. */
  public static String modelName(RunConfig config, Map<String, String> environment) {
    String path = config.model().modelNameOrPath().replaceAll("/+$", "");
    return config
        .serve()
        .apiModelName()
        .orElse(
            environment.getOrDefault("API_MODEL_NAME", path.substring(path.lastIndexOf('/') + 1)));
  }

  /**
   * Answers that run together: configured, or MAX_CONCURRENT.
   *
   * @throws ConfigException if the variable does not hold
   */
  public static int maxConcurrent(RunConfig config, Map<String, String> environment) {
    int preset = config.serve().apiMaxConcurrent();
    return config.isGiven("api_max_concurrent")
        ? preset
        : number("MAX_CONCURRENT", environment, 1, 65536, preset);
  }

  /** Whether only this machine reaches the server. */
  public boolean isLocal() {
    try {
      return InetAddress.getByName(host).isLoopbackAddress();
    } catch (UnknownHostException e) {
      return false; // the server will say so when it binds
    }
  }

  private static int number(
      String variable, Map<String, String> environment, int least, int most, int preset) {
    String text = environment.getOrDefault(variable, "").strip();
    if (text.isEmpty()) {
      return preset;
    }
    int value = text.matches("\\d{1,9}") ? Integer.parseInt(text) : -1;
    if (value < least || value > most) {
      throw new ConfigException(
          List.of(
              "environment "
                  + variable
                  + ": out of range: expected "
                  + least
                  + " to "
                  + most
                  + ", got "
                  + text
                  + ". Correct or unset it."));
    }
    return value;
  }

  private static String rootPath(String path) {
    String bare = path.replaceAll("^/+|/+$", "");
    return bare.isEmpty() ? "" : "/" + bare;
  }

  private static Duration seconds(double seconds) {
    return Duration.ofMillis((long) (seconds * 1e3));
  }
}
