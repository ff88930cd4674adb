package llmengine.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import llmengine.train.config.ConfigException;

/** Turns what a command threw into one clear message and an exit code. */
final class ErrorReport {
  private ErrorReport() {}

  /** Prints the message, with the stack trace if asked for, and returns the exit code. */
  static int print(Throwable thrown, PrintWriter err, boolean debug) {
    Throwable cause = unwrapped(thrown);
    err.println("engine: " + message(cause));
    if (debug) {
      thrown.printStackTrace(err);
    } else if (!isForeseen(cause)) {
      err.println("This is a defect of the program. Run again with --debug for its stack trace.");
    }
    return exitCode(cause);
  }

  static int exitCode(Throwable cause) {
    return switch (cause) {
      case InterruptedException e -> ExitCode.INTERRUPTED;
      case ConfigException e -> ExitCode.USAGE;
      default -> ExitCode.FAILURE;
    };
  }

  private static String message(Throwable cause) {
    return switch (cause) {
      case NoSuchFileException e -> e.getFile() + ": no such file or directory.";
      case AccessDeniedException e -> e.getFile() + ": no permission to read or write it.";
      case FileSystemException e when e.getReason() == null -> e.getFile() + ": cannot be used.";
      case InterruptedException e -> "interrupted.";
      case OutOfMemoryError e ->
          "out of memory: "
              + e.getMessage()
              + ". Raise the heap with ENGINE_JAVA_OPTS=-Xmx4g (tensors are not counted in it).";
      default -> isForeseen(cause) ? cause.getMessage() : "unexpected error: " + cause;
    };
  }

  /** Errors of our own types and of files carry a text made for the user. */
  private static boolean isForeseen(Throwable cause) {
    return cause.getMessage() != null
        && (cause.getClass().getName().startsWith("llmengine.")
            || cause instanceof IOException
            || cause instanceof InterruptedException
            || cause instanceof OutOfMemoryError);
  }

  private static Throwable unwrapped(Throwable thrown) {
    Throwable cause = thrown;
    while (cause.getCause() != null
        && (cause instanceof UncheckedIOException
            || cause instanceof ExecutionException
            || cause instanceof CompletionException)) {
      cause = cause.getCause();
    }
    return cause;
  }
}
