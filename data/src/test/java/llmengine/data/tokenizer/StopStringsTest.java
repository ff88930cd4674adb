package llmengine.data.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class StopStringsTest {
  @Test
  void resultDoesNotDependOnTheSplits() {
    everySplit("say abcd and b", List.of("abce", "b", "cd"), "say a", "b");
    everySplit("one\nUser: two", List.of("User:", "\nUser:"), "one", "\nUser:");
    everySplit("aabaabaac", List.of("aabaac"), "aab", "aabaac");
    everySplit("nothing here<|en", List.of("<|end|>"), "nothing here<|en", null);
    everySplit("anything", List.of("", "x"), "anything", null);
    everySplit("😀stop", List.of("stop"), "😀", "stop");
  }

  @Test
  void onlyWhatMayBeginAStopStringIsHeldBack() {
    var stops = new StopStrings(List.of("###"));
    assertThat(stops.add("a#")).isEqualTo("a");
    assertThat(stops.add("b##")).isEqualTo("#b");
    assertThat(stops.add("#c")).isEmpty();
    assertThat(stops.matched()).hasValue("###");
    assertThat(stops.add("more")).isEmpty();
    assertThat(stops.finish()).isEmpty();
  }

  // every way to cut the text into pieces
  private static void everySplit(String text, List<String> stops, String expected, String matched) {
    for (int cuts = 0; cuts < 1 << (text.length() - 1); cuts++) {
      var matcher = new StopStrings(stops);
      var out = new StringBuilder();
      int start = 0;
      for (int i = 1; i <= text.length(); i++) {
        if (i == text.length() || (cuts >> (i - 1) & 1) == 1) {
          out.append(matcher.add(text.substring(start, i)));
          start = i;
        }
      }
      out.append(matcher.finish());
      if (!out.toString().equals(expected)) {
        assertThat(out.toString()).as("cuts %s", Integer.toBinaryString(cuts)).isEqualTo(expected);
      }
      if (cuts == 0) {
        assertThat(matcher.matched().orElse(null)).isEqualTo(matched);
      }
    }
  }
}
