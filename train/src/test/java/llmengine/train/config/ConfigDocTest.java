package llmengine.train.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class ConfigDocTest {

  @Test
  void pageSaysWhatTheDeclarationsSay() throws IOException {
    Path page = Path.of("..", "docs", "config.md");
    if (Boolean.getBoolean("config.doc.write")) {
      Files.createDirectories(page.getParent());
      Files.writeString(page, ConfigDoc.page());
    }
    assertThat(page)
        .as(
            "docs/config.md is stale: run mvn -pl train -am test -Dtest=ConfigDocTest"
                + " -Dsurefire.failIfNoSpecifiedTests=false -Dconfig.doc.write=true")
        .exists()
        .hasContent(ConfigDoc.page());
  }

  @Test
  void everySentenceEndsWithAFullStop() {
    assertThat(Keys.SUPPORTED.values())
        .allSatisfy(spec -> assertThat(spec.key().doc()).as(spec.name()).endsWith("."));
  }
}
