package llmengine.data.tokenizer;

import java.util.List;
import java.util.Optional;

/**
 * Ends a stream of text before the first stop string. Text that may be the beginning of a stop
 * string is held back until more is known. The result does not depend on how the text is cut into
 * pieces: the stop string that is complete first wins, of those that end together the longest. Not
 * safe for concurrent use.
 */
public final class StopStrings {
  private final List<String> stops;
  private String held = "";
  private String matched;

  /** Empty strings are left out, as they would stop at once. */
  public StopStrings(List<String> stops) {
    this.stops = stops.stream().filter(stop -> !stop.isEmpty()).toList();
  }

  /** The text that can be shown after {@code piece}; empty once a stop string was seen. */
  public String add(String piece) {
    if (matched != null) {
      return "";
    }
    String text = held + piece;
    int end = Integer.MAX_VALUE;
    for (String stop : stops) {
      int at = text.indexOf(stop);
      if (at >= 0
          && (at + stop.length() < end
              || at + stop.length() == end && stop.length() > matched.length())) {
        end = at + stop.length();
        matched = stop;
      }
    }
    if (matched != null) {
      held = "";
      return text.substring(0, end - matched.length());
    }
    int safe = text.length() - longestBeginning(text);
    held = text.substring(safe);
    return text.substring(0, safe);
  }

  /** What was held back, when no text follows. */
  public String finish() {
    String rest = held;
    held = "";
    return rest;
  }

  /** The stop string that ended the text. */
  public Optional<String> matched() {
    return Optional.ofNullable(matched);
  }

  private int longestBeginning(String text) {
    int longest = 0;
    for (String stop : stops) {
      for (int n = Math.min(stop.length() - 1, text.length()); n > longest; n--) {
        if (text.endsWith(stop.substring(0, n))) {
          longest = n;
        }
      }
    }
    return longest;
  }
}
