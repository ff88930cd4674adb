package llmengine.serve.http;

/** Answers the requests of one path. Called by many threads at once. */
@FunctionalInterface
public interface Endpoint {
  /** Answers, or throws {@link ApiException}, which becomes the answer. */
  void answer(Exchange exchange);
}
