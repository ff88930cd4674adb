package llmengine.serve.http;

import com.fasterxml.jackson.databind.JsonNode;
import io.helidon.common.socket.PeerInfo;
import io.helidon.http.HeaderNames;
import io.helidon.http.Status;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.SocketTimeoutException;
import java.time.Duration;

/** A request and the answer to it. */
public final class Exchange {
  private static final String JSON = "application/json";

  private final ServerRequest request;
  private final ServerResponse response;
  private final ServerSettings settings;
  private final WatchedConnections connections;
  private final long start = System.nanoTime();

  Exchange(
      ServerRequest request,
      ServerResponse response,
      ServerSettings settings,
      WatchedConnections connections) {
    this.request = request;
    this.response = response;
    this.settings = settings;
    this.connections = connections;
  }

  /**
   * The body, an object.
   *
   * @throws ApiException 400 if it is none, 408 if it is late, 413 if it is too large
   */
  public Fields body() {
    JsonNode json = Json.parse(bytes());
    if (!json.isObject()) {
      throw ApiException.badRequest(
          null,
          "invalid_json",
          "request body: not an object: expected {...}, got " + Fields.show(json) + ".");
    }
    return Fields.of(json);
  }

  private byte[] bytes() {
    long limit = settings.bodyLimit();
    if (request.headers().contentLength().orElse(0) > limit) {
      response.header(HeaderNames.CONNECTION, "close");
      throw ApiException.tooLarge(limit);
    }
    ByteArrayOutputStream body = new ByteArrayOutputStream();
    byte[] part = new byte[8192];
    connections.deadline(request.socketId(), start + settings.readLimit().toNanos());
    try {
      InputStream in = request.content().inputStream(); // not closed: that would read all the rest
      for (int n = in.read(part); n >= 0; n = in.read(part)) {
        body.write(part, 0, n);
        if (body.size() > limit) {
          response.header(HeaderNames.CONNECTION, "close");
          throw ApiException.tooLarge(limit);
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (UncheckedIOException e) {
      if (e.getCause() instanceof SocketTimeoutException) {
        throw lateBody();
      }
      throw e;
    } finally {
      connections.deadline(request.socketId(), 0);
    }
    return body.toByteArray();
  }

  private ApiException lateBody() {
    response.header(HeaderNames.CONNECTION, "close");
    return ApiException.timeout(
        "request body: late: expected all of it within "
            + settings.readLimit().toMillis() / 1e3
            + " s, got a part. Send it faster, or raise api_read_time_limit.");
  }

  /** Time that is left to the request. */
  public Duration left() {
    return settings.timeLimit().minusNanos(System.nanoTime() - start);
  }

  /** Seconds since the request came. */
  public double seconds() {
    return (System.nanoTime() - start) / 1e9;
  }

  /** The error of a request whose time is over. */
  public ApiException outOfTime() {
    return ApiException.timeout(
        "request: not finished in time: expected an answer within "
            + settings.timeLimit().toMillis() / 1e3
            + " s, got a part of it. Ask for fewer tokens, or raise api_time_limit.");
  }

  /** Until it is closed, {@code gone} is called as soon as the client closes the connection. */
  public ClientWatch watch(Runnable gone) {
    return connections.watch(request.socketId(), gone);
  }

  /** Sends the whole answer. */
  public void send(JsonNode answer) {
    send(200, answer);
  }

  /** Sends the whole answer with another status than 200. */
  public void send(int status, JsonNode answer) {
    response.status(Status.create(status));
    response.header(HeaderNames.CONTENT_TYPE, JSON);
    response.send(Json.bytes(answer));
  }

  /** Sends text of this type. */
  public void send(String type, byte[] text) {
    response.header(HeaderNames.CONTENT_TYPE, type);
    response.send(text);
  }

  /** Begins an answer that is sent event by event. */
  public EventStream events() {
    return new EventStream(response);
  }

  /** Sends an error; if an answer has begun it is too late, and the connection is closed. */
  void send(ApiException error) {
    sendError(response, error);
  }

  static void sendError(ServerResponse response, ApiException error) {
    if (error.retryAfter() > 0) {
      response.header(HeaderNames.RETRY_AFTER, Integer.toString(error.retryAfter()));
    }
    if (error.status() == 401) {
      response.header(HeaderNames.WWW_AUTHENTICATE, "Bearer");
    }
    response.status(Status.create(error.status()));
    response.header(HeaderNames.CONTENT_TYPE, JSON);
    response.send(Json.bytes(error.json()));
  }

  /** Address of the client. */
  public PeerInfo client() {
    return request.remotePeer();
  }
}
