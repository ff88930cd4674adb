package llmengine.train.callback;

import java.util.Locale;

/** Times for people. */
final class Durations {
  private Durations() {}

  /** Hours, minutes, seconds as h:mm:ss. */
  static String clock(double seconds) {
    long s = (long) seconds;
    long days = s / 86400;
    String time =
        String.format(Locale.ROOT, "%d:%02d:%02d", s % 86400 / 3600, s % 3600 / 60, s % 60);
    return days == 0 ? time : days + (days == 1 ? " day, " : " days, ") + time;
  }
}
