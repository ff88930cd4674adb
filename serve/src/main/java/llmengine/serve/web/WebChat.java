package llmengine.serve.web;

/** The web chat: static files that talk to the API of the server they came from. */
public final class WebChat {
  /** Where its files lie on the class path. */
  public static final String FOLDER = "web";

  /**
   * Its Content-Security-Policy. The page runs only scripts of its own and talks only to the server
   * it came from; markup reaches the page only through DOMPurify (trusted types), so that what a
   * model writes stays text. Pictures from elsewhere would tell their addresses to others.
   */
  public static final String POLICY =
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
          + " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
          + " require-trusted-types-for 'script'; trusted-types dompurify";

  private WebChat() {}
}
