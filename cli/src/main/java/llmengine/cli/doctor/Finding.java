package llmengine.cli.doctor;

/**
 * One line of the doctor's report.
 *
 * @param subject what was looked at, one word
 * @param text what was found, with units
 * @param advice what is wrong and what to do about it; empty when all is well
 */
public record Finding(String subject, String text, String advice) {
  static Finding good(String subject, String text) {
    return new Finding(subject, text, "");
  }
}
