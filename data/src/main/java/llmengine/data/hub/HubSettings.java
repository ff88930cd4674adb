package llmengine.data.hub;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import llmengine.data.DataException;

/**
 * Where models are downloaded from and kept, by the variables of Hugging Face's own client.
 *
 * @param endpoint HF_ENDPOINT, https://huggingface.co if not set
 * @param cache HF_HUB_CACHE, else hub in HF_HOME, else ~/.cache/huggingface/hub
 * @param token HF_TOKEN, else the content of HF_TOKEN_PATH or of token in HF_HOME
 * @param offline HF_HUB_OFFLINE: nothing is asked for
 */
public record HubSettings(URI endpoint, Path cache, Optional<String> token, boolean offline) {
  private static final Set<String> TRUE = Set.of("1", "on", "yes", "true");

  /** The settings of these environment variables; {@code cache} goes before them if given. */
  public static HubSettings of(Map<String, String> environment, Optional<Path> cache) {
    String endpoint = given(environment, "HF_ENDPOINT").orElse("https://huggingface.co");
    URI uri;
    try {
      uri = URI.create(endpoint.replaceFirst("/+$", ""));
    } catch (IllegalArgumentException e) {
      throw new DataException(
          "HF_ENDPOINT: not an address: expected one like https://huggingface.co, got "
              + endpoint
              + ".",
          e);
    }
    if (uri.getHost() == null
        || !"http".equals(uri.getScheme()) && !"https".equals(uri.getScheme())) {
      throw new DataException(
          "HF_ENDPOINT: expected an address of https:// or http:// and a host, got "
              + endpoint
              + ".");
    }
    return new HubSettings(
        uri,
        cache.orElseGet(() -> cache(environment)),
        given(environment, "HF_TOKEN")
            .or(
                () ->
                    fileOf(
                        given(environment, "HF_TOKEN_PATH")
                            .map(Path::of)
                            .orElse(home(environment).resolve("token")))),
        given(environment, "HF_HUB_OFFLINE")
            .filter(value -> TRUE.contains(value.toLowerCase(Locale.ROOT)))
            .isPresent());
  }

  /** The folder of models by these environment variables. */
  public static Path cache(Map<String, String> environment) {
    return given(environment, "HF_HUB_CACHE")
        .map(Path::of)
        .orElse(home(environment).resolve("hub"));
  }

  private static Path home(Map<String, String> environment) {
    return given(environment, "HF_HOME")
        .map(Path::of)
        .orElse(Path.of(System.getProperty("user.home"), ".cache", "huggingface"));
  }

  private static Optional<String> given(Map<String, String> environment, String name) {
    return Optional.ofNullable(environment.get(name)).map(String::strip).filter(s -> !s.isEmpty());
  }

  private static Optional<String> fileOf(Path file) {
    if (!Files.isRegularFile(file)) {
      return Optional.empty();
    }
    try {
      return Optional.of(Files.readString(file).strip()).filter(s -> !s.isEmpty());
    } catch (IOException e) {
      throw new DataException(
          file + ": the token can't be read: " + e + ". Correct its rights or set HF_TOKEN.", e);
    }
  }

  /** Without the token, so that logs don't show it. */
  @Override
  public String toString() {
    return endpoint + ", cache " + cache + (token.isPresent() ? ", with a token" : "");
  }
}
