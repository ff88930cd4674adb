package llmengine.cli.doctor;

import java.util.Locale;

/** Sizes as people read them: 1 GB is 2^30 bytes, as in the memory figures of a run. */
final class Bytes {
  private static final long GB = 1L << 30;
  private static final long MB = 1L << 20;

  private Bytes() {}

  static String text(long bytes) {
    return bytes >= GB
        ? String.format(Locale.ROOT, "%.1f GB", (double) bytes / GB)
        : String.format(Locale.ROOT, "%d MB", bytes / MB);
  }
}
