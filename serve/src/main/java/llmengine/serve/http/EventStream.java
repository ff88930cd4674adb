package llmengine.serve.http;

import com.fasterxml.jackson.databind.JsonNode;
import io.helidon.http.HeaderNames;
import io.helidon.webserver.http.ServerResponse;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;

/**
 * Server-sent events, each sent at once: {@code data: <JSON>} and an empty line. Every method
 * throws {@link ClientGoneException} if the client is no longer there.
 */
public final class EventStream implements AutoCloseable {
  private final OutputStream out;

  EventStream(ServerResponse response) {
    response.header(HeaderNames.CONTENT_TYPE, "text/event-stream; charset=utf-8");
    response.header(HeaderNames.CACHE_CONTROL, "no-cache");
    response.header("X-Accel-Buffering", "no"); // nginx would collect events
    out = response.outputStream();
  }

  /** Sends a value. */
  public void send(JsonNode value) {
    write("data: " + Json.text(value) + "\n\n");
  }

  /** Sends the event that says that there are no more. */
  public void done() {
    write("data: [DONE]\n\n");
  }

  private void write(String event) {
    try {
      out.write(event.getBytes(StandardCharsets.UTF_8));
      out.flush();
    } catch (IOException | UncheckedIOException | IllegalStateException e) {
      throw new ClientGoneException(e);
    }
  }

  @Override
  public void close() {
    try {
      out.close();
    } catch (IOException | UncheckedIOException | IllegalStateException e) {
      throw new ClientGoneException(e);
    }
  }
}
