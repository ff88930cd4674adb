package llmengine.train.callback.tracker;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.Optional;

/** JSON sent to a server, with time limits. */
final class Http {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Duration LIMIT = Duration.ofSeconds(10);

  private final HttpClient client = HttpClient.newBuilder().connectTimeout(LIMIT).build();
  private final Optional<String> bearer;

  Http(Optional<String> bearer) {
    this.bearer = bearer;
  }

  /**
   * The answer to a request.
   *
   * @param method GET or POST
   * @param body null for none
   * @throws IOException if there is no answer in time or one of 400 and above
   */
  JsonNode send(String method, URI uri, Object body) throws IOException, InterruptedException {
    HttpRequest.BodyPublisher publisher =
        body == null
            ? HttpRequest.BodyPublishers.noBody()
            : HttpRequest.BodyPublishers.ofString(JSON.writeValueAsString(body));
    HttpRequest.Builder request =
        HttpRequest.newBuilder(uri)
            .timeout(LIMIT)
            .header("Content-Type", "application/json")
            .method(method, publisher);
    bearer.ifPresent(token -> request.header("Authorization", "Bearer " + token));
    HttpResponse<String> response =
        client.send(request.build(), HttpResponse.BodyHandlers.ofString());
    if (response.statusCode() >= 400) {
      throw new StatusException(uri, response.statusCode(), response.body());
    }
    return response.body().isBlank()
        ? JSON.createObjectNode()
        : response.headers().firstValue("Content-Type").orElse("").contains("json")
            ? JSON.readTree(response.body())
            : JSON.createObjectNode();
  }

  /** An answer of 400 or above. */
  static final class StatusException extends IOException {
    private static final long serialVersionUID = 1L;
    final int status;

    StatusException(URI uri, int status, String body) {
      super(
          uri.getHost()
              + uri.getPath()
              + " answered "
              + status
              + ": "
              + (body.length() > 200 ? body.substring(0, 200) + "..." : body));
      this.status = status;
    }
  }
}
