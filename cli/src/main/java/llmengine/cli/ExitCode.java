package llmengine.cli;

/** What the process returns to the shell. */
public final class ExitCode {
  /** The command did what it was asked. */
  public static final int OK = 0;

  /** It failed while doing it. */
  public static final int FAILURE = 1;

  /** It was asked for something wrong: words, configuration, or a machine without what it needs. */
  public static final int USAGE = 2;

  /** Somebody stopped it (Ctrl-C, SIGTERM). */
  public static final int INTERRUPTED = 130;

  private ExitCode() {}
}
