package llmengine.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NearestTest {
  @ParameterizedTest
  @CsvSource({"abc, abc, 0", "abc, acb, 1", "abc, ab, 1", "abc, xyz, 3", "'', abc, 3"})
  void countsEdits(String a, String b, int edits) {
    assertThat(Nearest.edits(a, b)).isEqualTo(edits);
    assertThat(Nearest.edits(b, a)).isEqualTo(edits);
  }

  @Test
  void findsTheClosestOrNothing() {
    List<String> known = List.of("train", "chat", "export");
    assertThat(Nearest.to("trian", known)).contains("train");
    assertThat(Nearest.to("cht", known)).contains("chat");
    assertThat(Nearest.to("benchmark", known)).isEmpty();
    assertThat(Nearest.to("train", List.of())).isEmpty();
  }
}
