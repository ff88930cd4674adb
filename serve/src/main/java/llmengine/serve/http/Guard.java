package llmengine.serve.http;

import io.helidon.http.HeaderName;
import io.helidon.http.HeaderNames;
import io.helidon.http.Method;
import io.helidon.http.ServerRequestHeaders;
import io.helidon.http.Status;
import io.helidon.webserver.http.Filter;
import io.helidon.webserver.http.FilterChain;
import io.helidon.webserver.http.RoutingRequest;
import io.helidon.webserver.http.RoutingResponse;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.List;
import java.util.Set;

/**
 * Who may call: keys, origins of web pages, and names under which an open local server is called.
 *
 * <p>A browser lets any page send simple requests to any address, also to this machine's, so that a
 * page of an unlisted origin is turned away, and while there is no key, so is a name that leads
 * here but is not this machine's (DNS rebinding).
 */
final class Guard implements Filter {
  private static final HeaderName REQUESTED_METHOD = HeaderNames.ACCESS_CONTROL_REQUEST_METHOD;
  private static final Set<String> LOCAL = Set.of("localhost", "127.0.0.1", "[::1]", "::1");

  private final ServerSettings settings;
  private final List<byte[]> keys; // digests: equal lengths, compared in constant time
  private final Set<String> open;

  /**
   * @param open paths that need no key
   */
  Guard(ServerSettings settings, Set<String> open) {
    this.settings = settings;
    this.keys = settings.keys().stream().map(Guard::digest).toList();
    this.open = open;
  }

  @Override
  public void filter(FilterChain chain, RoutingRequest request, RoutingResponse response) {
    ServerRequestHeaders headers = request.headers();
    String origin = headers.first(HeaderNames.ORIGIN).orElse("");
    String host = request.authority() == null ? "" : request.authority();
    if (keys.isEmpty() && settings.isLocal() && !LOCAL.contains(withoutPort(host))) {
      throw ApiException.forbidden(
          "Host: not this machine: expected localhost or 127.0.0.1, got "
              + host
              + ". Set api_key to serve under other names.");
    }
    boolean samePage = origin.isEmpty() || origin.replaceFirst("^https?://", "").equals(host);
    if (!samePage && !isListed(origin)) {
      throw ApiException.forbidden(
          "Origin: not listed: expected one of api_cors_origins, got " + origin + ".");
    }
    if (!samePage) {
      response.header(HeaderNames.ACCESS_CONTROL_ALLOW_ORIGIN, origin);
      response.header(HeaderNames.VARY, "Origin");
      if (request.prologue().method().equals(Method.OPTIONS)
          && headers.contains(REQUESTED_METHOD)) {
        preflight(headers, response);
        return;
      }
    }
    if (!keys.isEmpty() && !open.contains(path(request)) && !isPage(request)) {
      checkKey(headers);
    }
    chain.proceed();
  }

  private boolean isListed(String origin) {
    return settings.origins().contains("*") || settings.origins().contains(origin);
  }

  private static void preflight(ServerRequestHeaders headers, RoutingResponse response) {
    response.header(HeaderNames.ACCESS_CONTROL_ALLOW_METHODS, "GET, POST");
    headers
        .first(HeaderNames.ACCESS_CONTROL_REQUEST_HEADERS)
        .ifPresent(names -> response.header(HeaderNames.ACCESS_CONTROL_ALLOW_HEADERS, names));
    response.header(HeaderNames.ACCESS_CONTROL_MAX_AGE, "600");
    response.status(Status.NO_CONTENT_204).send();
  }

  /** Files of the pages are no secret; what they call is. */
  private boolean isPage(RoutingRequest request) {
    String path = path(request);
    return request.prologue().method().equals(Method.GET)
        && !path.startsWith("/v1/")
        && !path.equals("/metrics");
  }

  private String path(RoutingRequest request) {
    String path = request.path().path();
    return !settings.rootPath().isEmpty() && path.startsWith(settings.rootPath() + "/")
        ? path.substring(settings.rootPath().length())
        : path;
  }

  private void checkKey(ServerRequestHeaders headers) {
    String given = headers.first(HeaderNames.AUTHORIZATION).orElse("");
    if (given.regionMatches(true, 0, "Bearer ", 0, 7)) {
      byte[] digest = digest(given.substring(7).strip());
      boolean known = false;
      for (byte[] key : keys) {
        known |= MessageDigest.isEqual(key, digest);
      }
      if (known) {
        return;
      }
    }
    throw ApiException.unauthorized(
        given.isEmpty()
            ? "Authorization: missing: expected \"Bearer <key>\", got no such header."
            : "Authorization: wrong: expected \"Bearer <key>\" with a key of this server, got"
                + " another.");
  }

  private static String withoutPort(String host) {
    return host.replaceFirst(":\\d+$", "");
  }

  private static byte[] digest(String key) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(key.getBytes(StandardCharsets.UTF_8));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }
}
