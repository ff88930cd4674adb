package llmengine.serve.http;

import io.helidon.http.HeaderNames;
import io.helidon.http.Status;
import io.helidon.webserver.http.Handler;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;

/** The page about the API at /docs: Swagger UI over the OpenAPI description, all from the jar. */
public final class DocsPage implements Handler {
  // Swagger UI sets styles from its script
  private static final String POLICY =
      "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self'"
          + " data:; connect-src 'self'; base-uri 'none'; form-action 'none';"
          + " frame-ancestors 'none'";

  private final String root;
  private final StaticFiles files;

  /**
   * @param rootPath under which the server is found too; empty for none
   */
  public DocsPage(String rootPath) {
    this.root = rootPath;
    this.files = new StaticFiles("apidocs", "/docs", POLICY);
  }

  @Override
  public void handle(ServerRequest request, ServerResponse response) {
    String path = request.path().path();
    String local = path.startsWith(root + "/") ? path.substring(root.length()) : path;
    if (local.equals("/docs")) {
      response.status(Status.FOUND_302).header(HeaderNames.LOCATION, "docs/").send();
    } else if (local.startsWith("/docs/")) {
      files.handle(local, request, response);
    } else {
      response.next();
    }
  }
}
