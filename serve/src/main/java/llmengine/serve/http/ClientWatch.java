package llmengine.serve.http;

/** Looks out for the client of a request under way; closing it ends that. */
public interface ClientWatch extends AutoCloseable {
  @Override
  void close();
}
