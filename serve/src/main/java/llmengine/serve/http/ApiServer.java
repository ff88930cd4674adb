package llmengine.serve.http;

import io.helidon.http.DirectHandler;
import io.helidon.http.Header;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;
import io.helidon.http.HttpException;
import io.helidon.http.Method;
import io.helidon.webserver.CloseConnectionException;
import io.helidon.webserver.WebServer;
import io.helidon.webserver.http.DirectHandlers;
import io.helidon.webserver.http.FilterChain;
import io.helidon.webserver.http.Handler;
import io.helidon.webserver.http.HttpRouting;
import io.helidon.webserver.http.RoutingRequest;
import io.helidon.webserver.http.RoutingResponse;
import io.helidon.webserver.http.ServerResponse;
import io.helidon.webserver.http1.Http1Config;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.time.LocalTime;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.logging.Level;
import java.util.logging.Logger;
import llmengine.train.config.ConfigException;

/**
 * The HTTP side of a server: routes, keys, limits, errors in OpenAI's shape, metrics, and an end
 * that lets running requests finish. Every request has a virtual thread of its own.
 */
public final class ApiServer implements AutoCloseable {
  /** A path and what answers it. */
  public record Route(String method, String path, Endpoint endpoint) {}

  private static final Set<String> OPEN = Set.of("/health");
  private static final Header CLOSE = HeaderValues.CONNECTION_CLOSE;
  private static final int POLL_MILLIS = 20;

  // kept, as the log manager would forget it: what it tells at the start nobody asked for
  private static final Logger HELIDON = Logger.getLogger("io.helidon");

  static {
    HELIDON.setLevel(Level.WARNING);
  }

  private final ServerSettings settings;
  private final Metrics metrics;
  private final Consumer<String> log;
  private final Map<String, String> routed = new LinkedHashMap<>(); // path to methods
  private final WatchedConnections connections = new WatchedConnections(Http1Config.create());
  private final AtomicInteger inFlight = new AtomicInteger();
  private final WebServer server;
  private volatile boolean stopping;

  /**
   * Starts to listen.
   *
   * @param pages handlers of GET requests that no route takes, asked in order
   * @param log takes a line for each request if settings say so, and one for each failure
   */
  public ApiServer(
      ServerSettings settings,
      List<Route> routes,
      List<Handler> pages,
      Metrics metrics,
      Consumer<String> log) {
    this.settings = settings;
    this.metrics = metrics;
    this.log = log;
    metrics.gauge(
        "llmengine_http_requests_in_flight", "Requests that are being answered.", inFlight::get);
    requireFree(settings);
    server =
        WebServer.builder()
            .host(settings.host())
            .port(settings.port())
            .shutdownHook(false) // the process has an order of its own in which things end
            .shutdownGracePeriod(Duration.ofMillis(500))
            .connectionOptions(o -> o.tcpNoDelay(true))
            .protocolsDiscoverServices(false)
            .addConnectionSelector(connections)
            .directHandlers(ApiServer::malformed)
            .routing(routing -> route(routing, routes, pages))
            .build()
            .start();
  }

  /** The server would only log that its port is taken. */
  private static void requireFree(ServerSettings settings) {
    try (ServerSocket socket = new ServerSocket()) {
      socket.setReuseAddress(true);
      socket.bind(new InetSocketAddress(settings.host(), settings.port()));
    } catch (IOException e) {
      throw new ConfigException(
          List.of(
              "api_host, api_port: cannot listen: expected a free port of this machine, got "
                  + settings.host()
                  + ":"
                  + settings.port()
                  + " ("
                  + e.getMessage()
                  + "). Choose another api_port."));
    }
  }

  /** Requests that are no HTTP never come to a route; their errors have the same shape. */
  private static void malformed(DirectHandlers.Builder handlers) {
    for (DirectHandler.EventType type : DirectHandler.EventType.values()) {
      handlers.addHandler(
          type,
          (request, event, status, headers, message) -> {
            ApiException error =
                ApiException.badRequest(null, "bad_request", "request: " + message);
            headers.set(HeaderNames.CONTENT_TYPE, "application/json");
            return DirectHandler.TransportResponse.builder()
                .status(status)
                .headers(headers)
                .entity(Json.bytes(error.json()))
                .build();
          });
    }
  }

  private void route(HttpRouting.Builder routing, List<Route> routes, List<Handler> pages) {
    routing.addFilter(this::observe);
    routing.addFilter(new Guard(settings, OPEN));
    routing.error(ApiException.class, (q, s, e) -> Exchange.sendError(s, e));
    routing.error(HttpException.class, (q, s, e) -> Exchange.sendError(s, of(e)));
    for (String root :
        settings.rootPath().isEmpty() ? List.of("") : List.of("", settings.rootPath())) {
      routing.get(root + "/health", handler(this::health));
      routing.get(root + "/metrics", handler(x -> x.send(Metrics.TYPE, metrics.text())));
      for (Route route : routes) {
        routing.route(Method.create(route.method), root + route.path, handler(route.endpoint));
        routed.merge(root + route.path, route.method, (a, b) -> a + ", " + b);
      }
      pages.forEach(page -> routing.get(root + "/*", page));
    }
    routing.any(
        (request, response) -> {
          String path = request.path().path();
          boolean known = routed.containsKey(path);
          Exchange.sendError(
              response,
              ApiException.notFound(
                  known ? 405 : 404,
                  null,
                  known ? "method_not_allowed" : "not_found",
                  known
                      ? "method: expected "
                          + routed.get(path)
                          + ", got "
                          + request.prologue().method().text()
                          + "."
                      : "path: unknown: expected one of "
                          + String.join(", ", routed.keySet())
                          + ", got "
                          + path
                          + "."));
        });
  }

  private Handler handler(Endpoint endpoint) {
    return (request, response) -> {
      Exchange exchange = new Exchange(request, response, settings, connections);
      try {
        endpoint.answer(exchange);
      } catch (ApiException e) {
        exchange.send(e);
      } catch (ClientGoneException e) {
        throw new CloseConnectionException("the client has gone", e);
      } catch (RuntimeException e) {
        fail(exchange, response, e);
      }
    };
  }

  private void fail(Exchange exchange, ServerResponse response, RuntimeException e) {
    StringWriter trace = new StringWriter();
    e.printStackTrace(new PrintWriter(trace));
    log.accept("request failed: " + trace.toString().stripTrailing());
    if (response.isSent()) {
      throw new CloseConnectionException("too late for an error", e);
    }
    exchange.send(
        ApiException.internal("server: failed: the reason stands in its log. Try again."));
  }

  private void health(Exchange exchange) {
    if (stopping) {
      throw ApiException.stopping();
    }
    exchange.send(Json.object().put("status", "ok"));
  }

  /** Counts requests, turns failures into answers, and takes none once the server stops. */
  private void observe(FilterChain chain, RoutingRequest request, RoutingResponse response) {
    long start = System.nanoTime();
    inFlight.incrementAndGet();
    try {
      if (stopping) {
        response.header(HeaderNames.CONNECTION, "close");
        throw ApiException.stopping();
      }
      chain.proceed();
    } catch (ApiException e) {
      Exchange.sendError(response, e);
    } finally {
      inFlight.decrementAndGet();
      if (request.headers().containsToken(CLOSE) || response.headers().containsToken(CLOSE)) {
        connections.last(request.socketId());
      }
      String path = request.path().path();
      int status = response.status().code();
      metrics.request(routed.containsKey(path) ? path : "other", status);
      if (settings.verbose()) {
        log.accept(
            String.format(
                Locale.ROOT,
                "%s  %s %s %d  %.3f s",
                LocalTime.now().truncatedTo(ChronoUnit.SECONDS),
                request.prologue().method().text(),
                path,
                status,
                (System.nanoTime() - start) / 1e9));
      }
    }
  }

  private static ApiException of(HttpException e) {
    int status = e.status().code();
    return switch (status) {
      case 404, 405 -> ApiException.notFound(status, null, "not_found", e.getMessage());
      default -> ApiException.badRequest(null, "bad_request", e.getMessage());
    };
  }

  /** The port it listens at. */
  public int port() {
    return server.port();
  }

  /**
   * Ends: no new request is taken, running ones have the drain time to finish, then {@code cancel}
   * is called to end them.
   */
  public void stop(Runnable cancel) {
    stopping = true;
    if (!waitForAll(settings.drainTime())) {
      cancel.run();
      waitForAll(Duration.ofSeconds(2)); // to tell the clients
    }
    server.stop();
  }

  private boolean waitForAll(Duration time) {
    long end = System.nanoTime() + time.toNanos();
    while (inFlight.get() > 0 && System.nanoTime() < end) {
      try {
        Thread.sleep(POLL_MILLIS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return false;
      }
    }
    return inFlight.get() == 0;
  }

  @Override
  public void close() {
    stop(() -> {});
  }
}
