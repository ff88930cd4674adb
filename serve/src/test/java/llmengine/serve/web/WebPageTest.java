package llmengine.serve.web;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

class WebPageTest {
  private static String text(String path) {
    return new String(PageFiles.read(path).orElseThrow(), StandardCharsets.UTF_8);
  }

  /** Every module, style and library that a file names is there, and comes from here. */
  @Test
  void pageIsWholeAndNeedsNothingFromElsewhere() {
    Pattern reference =
        Pattern.compile("(?:from|import|src=|href=)\\s*['\"]([^'\"#]+\\.(?:js|css|svg))['\"]");
    TreeSet<String> seen = new TreeSet<>();
    List<String> open = new ArrayList<>(List.of("index.html"));
    while (!open.isEmpty()) {
      String name = open.removeLast();
      if (!seen.add(name) || name.startsWith("lib/")) {
        continue;
      }
      String content = text(name);
      assertThat(content).as(name).doesNotContain("//cdn").doesNotContain("import('http");
      Matcher match = reference.matcher(content);
      while (match.find()) {
        String target = match.group(1);
        assertThat(target).as(name).doesNotStartWith("http");
        open.add(Path.of("/" + name).resolveSibling(target).normalize().toString().substring(1));
      }
    }
    assertThat(seen)
        .contains("lib/preact.js", "lib/marked.js", "lib/purify.js", "lib/highlight.js");
    assertThat(seen).allMatch(name -> PageFiles.read(name).isPresent());
    assertThat(text("index.html"))
        .doesNotContain("<script>")
        .doesNotContain("<style")
        .doesNotContain("style=");
  }

  @Test
  void licencesOfTheLibrariesAreThere() {
    assertThat(text("lib/preact-license.txt")).contains("MIT");
    assertThat(text("lib/marked-license.txt")).contains("Permission is hereby granted");
    assertThat(text("lib/purify-license.txt")).contains("Apache License");
    assertThat(text("lib/highlight.js")).contains("BSD-3-Clause");
  }
}
