package llmengine.data.hub;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.net.ConnectException;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.UnknownHostException;
import java.net.http.HttpClient;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.nio.channels.UnresolvedAddressException;
import java.nio.file.FileSystemException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import javax.net.ssl.SSLException;
import llmengine.data.DataException;

/** Requests to a hub: what a repository holds, and bytes of its files. */
final class HubClient {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int REDIRECTS = 5;

  /** A revision as the hub knows it. */
  record Revision(String commit, List<String> files) {}

  /**
   * A file of a commit.
   *
   * @param etag SHA-256 of a large file, else the SHA-1 of git's blob
   */
  record RemoteFile(String name, String etag, long size, URI address) {}

  /** No connection came about; the message says why. */
  static final class Unreachable extends IOException {
    private static final long serialVersionUID = 1;

    Unreachable(String message, IOException cause) {
      super(message, cause);
    }
  }

  /** Bytes from {@code start} on; the server may begin at 0 though more was asked for. */
  record Body(long start, InputStream stream) {}

  private final HubSettings settings;
  private final Duration patience;
  private final HttpClient http =
      HttpClient.newBuilder()
          .followRedirects(HttpClient.Redirect.NEVER) // the token must not follow to another host
          .connectTimeout(Duration.ofSeconds(20))
          .build();

  /**
   * @param patience how long an answer may take to begin, and to go on
   */
  HubClient(HubSettings settings, Duration patience) {
    this.settings = settings;
    this.patience = patience;
  }

  Revision revision(String repository, String revision) throws IOException {
    URI address =
        URI.create(
            settings.endpoint()
                + "/api/models/"
                + repository
                + "/revision/"
                + encoded(revision).replace("/", "%2F"));
    for (int i = 0; i < REDIRECTS; i++) {
      HttpResponse<InputStream> response = send(request(address, true).GET().build(), repository);
      try (InputStream body = new WatchedStream(response.body(), patience)) {
        URI next = redirect(response, address);
        if (next != null && sameHost(next, settings.endpoint())) {
          address = next; // a repository that was renamed
          continue;
        }
        check(response, repository, revision);
        return revision(address, body);
      }
    }
    throw tooMany(address);
  }

  private static Revision revision(URI address, InputStream body) throws IOException {
    JsonNode json;
    try {
      json = JSON.readTree(body);
    } catch (JsonProcessingException e) {
      throw notAHub(address, e);
    }
    List<String> files = new ArrayList<>();
    json.path("siblings").forEach(file -> files.add(file.path("rfilename").asText()));
    String commit = json.path("sha").asText();
    if (!commit.matches("[0-9a-f]{40}") || !files.stream().allMatch(HubClient::isInside)) {
      throw notAHub(address, null);
    }
    return new Revision(commit, files);
  }

  private static DataException notAHub(URI address, Exception cause) {
    return new DataException(
        address + ": not the answer of a hub: expected a commit and its files. Check HF_ENDPOINT.",
        cause);
  }

  private static DataException tooMany(URI address) {
    return new DataException(address + ": too many redirects. Check HF_ENDPOINT.");
  }

  /** As part of an address; slashes stay. */
  private static String encoded(String name) {
    try {
      return new URI(null, null, "/" + name, null).toASCIIString().substring(1);
    } catch (URISyntaxException e) {
      throw new DataException(name + ": can't be part of an address. Correct the name.", e);
    }
  }

  /** Names come from outside: none may leave the folder. */
  private static boolean isInside(String name) {
    return !name.startsWith("/")
        && name.indexOf('\\') < 0
        && !List.of(name.split("/", -1)).contains("..")
        && !name.isEmpty();
  }

  RemoteFile file(String repository, String commit, String name) throws IOException {
    URI address =
        URI.create(
            settings.endpoint() + "/" + repository + "/resolve/" + commit + "/" + encoded(name));
    for (int i = 0; i < REDIRECTS; i++) {
      HttpResponse<InputStream> response =
          send(
              request(address, true).method("HEAD", HttpRequest.BodyPublishers.noBody()).build(),
              repository);
      response.body().close();
      String etag =
          response
              .headers()
              .firstValue("x-linked-etag")
              .or(() -> response.headers().firstValue("etag"))
              .orElse("")
              .replaceFirst("^W/", "")
              .replace("\"", "");
      URI next = redirect(response, address);
      if (next != null && etag.isEmpty() && sameHost(next, settings.endpoint())) {
        address = next; // a repository that was renamed
        continue;
      }
      check(response, repository, commit);
      long size =
          response
              .headers()
              .firstValueAsLong("x-linked-size")
              .orElse(response.headers().firstValueAsLong("content-length").orElse(-1));
      if (!etag.matches("[0-9a-f]{40}|[0-9a-f]{64}")) {
        throw new DataException(
            address
                + ": no checksum: expected an etag of 40 or 64 hex digits, got \""
                + etag
                + "\". Check HF_ENDPOINT.");
      }
      return new RemoteFile(name, etag, size, address);
    }
    throw tooMany(address);
  }

  Body open(RemoteFile file, String repository, long from) throws IOException {
    URI address = file.address();
    for (int i = 0; i < REDIRECTS; i++) {
      HttpRequest.Builder request = request(address, sameHost(address, settings.endpoint()));
      if (from > 0) {
        request.header("Range", "bytes=" + from + "-");
      }
      HttpResponse<InputStream> response = send(request.GET().build(), repository);
      URI next = redirect(response, address);
      if (next != null) {
        response.body().close();
        address = next;
        continue;
      }
      check(response, repository, file.name());
      return new Body(
          response.statusCode() == 206 ? from : 0, new WatchedStream(response.body(), patience));
    }
    throw tooMany(address);
  }

  private HttpRequest.Builder request(URI address, boolean withToken) {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(address).timeout(patience).header("User-Agent", "llm-engine");
    if (withToken) {
      settings.token().ifPresent(token -> request.header("Authorization", "Bearer " + token));
    }
    return request;
  }

  private HttpResponse<InputStream> send(HttpRequest request, String repository)
      throws IOException {
    try {
      return http.send(request, HttpResponse.BodyHandlers.ofInputStream());
    } catch (ConnectException | HttpConnectTimeoutException | SSLException e) {
      throw new Unreachable(unreachable(request.uri(), e), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new DataException(repository + ": the download was interrupted.", e);
    }
  }

  /** The client's own exceptions for these have no message. */
  private static String unreachable(URI address, IOException e) {
    String host = address.getAuthority();
    if (e instanceof SSLException) {
      return "no secure connection to " + host + " (" + said(e) + ")";
    } else if (e instanceof HttpConnectTimeoutException) {
      return host + " does not answer";
    }
    for (Throwable cause = e; cause != null; cause = cause.getCause()) {
      if (cause instanceof UnresolvedAddressException || cause instanceof UnknownHostException) {
        return "no host " + address.getHost() + " is known, or there is no network";
      }
    }
    return "no connection to " + host + (e.getMessage() == null ? "" : " (" + said(e) + ")");
  }

  /** What happened, also if the exception has no message. */
  static String said(IOException e) {
    return switch (e) {
      case HttpTimeoutException timeout -> "no answer in time";
      case FileSystemException file when file.getReason() == null -> file.toString();
      default -> e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
    };
  }

  private static URI redirect(HttpResponse<?> response, URI from) {
    if (response.statusCode() / 100 != 3) {
      return null;
    }
    String location = response.headers().firstValue("location").orElse(null);
    try {
      URI to = location == null ? null : from.resolve(location);
      if (to != null && to.getHost() != null && to.getScheme().matches("https?")) {
        return to;
      }
    } catch (IllegalArgumentException notAnAddress) {
      // said below
    }
    throw new DataException(
        from + ": a redirect to nowhere: expected an address, got " + location + ".");
  }

  static boolean sameHost(URI a, URI b) {
    return a.getScheme().equals(b.getScheme())
        && a.getHost().equals(b.getHost())
        && a.getPort() == b.getPort();
  }

  private void check(HttpResponse<?> response, String repository, String what) throws IOException {
    int status = response.statusCode();
    if (status / 100 == 2 || status / 100 == 3) {
      return;
    } else if (status == 429 || status >= 500) {
      throw new IOException("the hub answers " + status);
    }
    String code = response.headers().firstValue("x-error-code").orElse("");
    String page = settings.endpoint() + "/" + repository;
    String problem =
        code.equals("GatedRepo") || status == 403
            ? "the model is gated. Ask for access at "
                + page
                + ", then set HF_TOKEN to a token of your account"
            : code.equals("RevisionNotFound")
                ? "no revision " + what + ". Correct model_revision; " + page + " lists them"
                : status == 401
                    ? "no such model, or a private one. Correct the name; for a private model set"
                        + " HF_TOKEN to a token that may read it"
                    : status == 404
                        ? "not found: " + what + ". Correct the name or model_revision"
                        : "the hub refuses with status " + status;
    throw new DataException(
        repository
            + ": "
            + problem
            + (settings.token().isPresent() ? " (a token was sent)." : " (no token was sent)."));
  }
}
