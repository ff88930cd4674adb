package llmengine.launcher;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.NullAndEmptySource;
import org.junit.jupiter.params.provider.ValueSource;

class JavaVersionTest {
  @ParameterizedTest
  @CsvSource({"1.8.0_412, 8", "9, 9", "11.0.2, 11", "17.0.15, 17", "25, 25", "25.0.3, 25"})
  void readsReleases(String version, int feature) {
    assertThat(JavaVersion.feature(version)).isEqualTo(feature);
  }

  @ParameterizedTest
  @CsvSource({"26-ea, 26", "25-internal, 25", "25.0.1-ea+3, 25", "25+36, 25"})
  void readsEarlyAccess(String version, int feature) {
    assertThat(JavaVersion.feature(version)).isEqualTo(feature);
  }

  @ParameterizedTest
  @NullAndEmptySource
  @ValueSource(strings = {"unknown", "-1", "99999999999", "1."})
  void isZeroForWhatIsNoVersion(String version) {
    assertThat(JavaVersion.feature(version)).isZero();
  }
}
