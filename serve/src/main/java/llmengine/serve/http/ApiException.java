package llmengine.serve.http;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * A request that gets an error instead of an answer, in OpenAI's shape: {@code {"error":
 * {"message", "type", "param", "code"}}}.
 */
public final class ApiException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final int status;
  private final String type;
  private final String param;
  private final String code;
  private final int retryAfter;

  private ApiException(
      int status, String type, String param, String code, String message, int retryAfter) {
    super(message, null, false, false); // told to the client: no stack trace
    this.status = status;
    this.type = type;
    this.param = param;
    this.code = code;
    this.retryAfter = retryAfter;
  }

  /**
   * 400: the request cannot be honoured.
   *
   * @param param the field it is about; null for the whole body
   * @param code {@code invalid_type}, {@code unknown_parameter} and the like; null for none
   */
  public static ApiException badRequest(String param, String code, String message) {
    return new ApiException(400, "invalid_request_error", param, code, message, 0);
  }

  /** 401: no or a wrong key. */
  public static ApiException unauthorized(String message) {
    return new ApiException(401, "invalid_request_error", null, "invalid_api_key", message, 0);
  }

  /** 403: a page or host that may not call. */
  public static ApiException forbidden(String message) {
    return new ApiException(403, "invalid_request_error", null, "forbidden", message, 0);
  }

  /** 404, or 405 where only the method is wrong. */
  public static ApiException notFound(int status, String param, String code, String message) {
    return new ApiException(status, "invalid_request_error", param, code, message, 0);
  }

  /** 408: the request took too long to arrive or to answer. */
  public static ApiException timeout(String message) {
    return new ApiException(408, "timeout", null, "timeout", message, 0);
  }

  /** 413: the body is too large. */
  public static ApiException tooLarge(long limit) {
    return new ApiException(
        413,
        "invalid_request_error",
        null,
        "request_too_large",
        "request body: too large: expected at most "
            + limit
            + " bytes, got more. Send less, or raise api_body_limit_mb.",
        0);
  }

  /** 429: too many requests wait. */
  public static ApiException tooMany(String message) {
    return new ApiException(429, "rate_limit_error", null, "rate_limit_exceeded", message, 1);
  }

  /** 503: the server is about to stop. */
  public static ApiException stopping() {
    return new ApiException(
        503,
        "server_error",
        null,
        "server_stopping",
        "server: stopping: expected requests before that, got one now. Try again later.",
        5);
  }

  /** 500: the fault is the server's. */
  public static ApiException internal(String message) {
    return new ApiException(500, "server_error", null, "internal_error", message, 0);
  }

  public int status() {
    return status;
  }

  public String code() {
    return code;
  }

  public String param() {
    return param;
  }

  /** Seconds after which to try again; 0 for not told. */
  public int retryAfter() {
    return retryAfter;
  }

  /** The body of the answer. */
  public JsonNode json() {
    ObjectNode body = Json.object();
    body.putObject("error")
        .put("message", getMessage())
        .put("type", type)
        .put("param", param)
        .put("code", code);
    return body;
  }
}
