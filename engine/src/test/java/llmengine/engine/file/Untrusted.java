package llmengine.engine.file;

import java.lang.management.ManagementFactory;
import llmengine.engine.FormatException;

/**
 * What must hold for any bytes at all: they are read, or refused by a {@link FormatException}, and
 * either way what is allocated stays in proportion to them.
 */
public final class Untrusted {
  private static final com.sun.management.ThreadMXBean THREADS =
      (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
  private static final long FIXED = 1 << 20; // error messages
  private static final long PER_BYTE = 400; // objects for every few characters of JSON

  private Untrusted() {}

  /** Runs {@code reading} of so many bytes; true if they were read, false if refused. */
  public static boolean isRead(int size, Runnable reading) {
    try {
      return attempt(size, reading);
    } catch (AssertionError perhaps) {
      return attempt(size, reading); // the first time classes are loaded
    }
  }

  private static boolean attempt(int size, Runnable reading) {
    long before = THREADS.getCurrentThreadAllocatedBytes();
    boolean read;
    try {
      reading.run();
      read = true;
    } catch (FormatException refused) {
      if (refused.getMessage().isBlank()) {
        throw new AssertionError("no message", refused);
      }
      read = false;
    }
    long allocated = THREADS.getCurrentThreadAllocatedBytes() - before;
    if (allocated > FIXED + PER_BYTE * size) {
      throw new AssertionError(size + " bytes made the reader allocate " + allocated);
    }
    return read;
  }
}
