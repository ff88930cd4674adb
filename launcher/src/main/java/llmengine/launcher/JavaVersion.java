package llmengine.launcher;

/** The numbering of Java releases: "1.8.0_412" is 8, "17.0.15" is 17, "26-ea" is 26. */
final class JavaVersion {
  private JavaVersion() {}

  /** The feature release that a version string names, or 0 when it names none. */
  static int feature(String version) {
    if (version == null) {
      return 0;
    }
    String digits = version.startsWith("1.") ? version.substring(2) : version;
    int end = 0;
    while (end < digits.length() && Character.isDigit(digits.charAt(end))) {
      end++;
    }
    return end == 0 || end > 4 ? 0 : Integer.parseInt(digits.substring(0, end));
  }
}
