package llmengine.serve.web;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class WebFilesTest {
  private static String text(String path) {
    return new String(WebFiles.find(path).orElseThrow().bytes(), StandardCharsets.UTF_8);
  }

  @Test
  void rootIsThePage() {
    WebFiles.WebFile page = WebFiles.find("/").orElseThrow();
    assertThat(page.contentType()).isEqualTo("text/html; charset=utf-8");
    assertThat(text("/")).isEqualTo(text("/index.html")).contains("js/main.js");
    assertThat(WebFiles.find("/").orElseThrow().etag()).isEqualTo(page.etag()).startsWith("\"");
    assertThat(WebFiles.find("/js/main.js").orElseThrow().etag()).isNotEqualTo(page.etag());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "/nothing.js",
        "/../llmengine/serve/web/WebFiles.class",
        "/js/../index.html",
        "/js/./main.js",
        "//index.html",
        "/js",
        "/js/",
        "",
        "/.html",
        "/index.html\0.js",
        "/js\\main.js"
      })
  void whatIsNoFileOfThePageIsNotFound(String path) {
    assertThat(WebFiles.find(path)).isEmpty();
  }

  /** Every module, style and library that a file names is there, and comes from here. */
  @Test
  void pageIsWholeAndNeedsNothingFromElsewhere() {
    Pattern reference =
        Pattern.compile("(?:from|import|src=|href=)\\s*['\"]([^'\"#]+\\.(?:js|css|svg))['\"]");
    TreeSet<String> seen = new TreeSet<>();
    List<String> open = new java.util.ArrayList<>(List.of("index.html"));
    while (!open.isEmpty()) {
      String name = open.removeLast();
      if (!seen.add(name) || name.startsWith("lib/")) {
        continue;
      }
      String content = text("/" + name);
      assertThat(content).as(name).doesNotContain("//cdn").doesNotContain("import('http");
      Matcher match = reference.matcher(content);
      while (match.find()) {
        String target = match.group(1);
        assertThat(target).as(name).doesNotStartWith("http");
        open.add(
            java.nio.file.Path.of("/" + name)
                .resolveSibling(target)
                .normalize()
                .toString()
                .substring(1));
      }
    }
    assertThat(seen)
        .contains("lib/preact.js", "lib/marked.js", "lib/purify.js", "lib/highlight.js");
    assertThat(seen).allMatch(name -> WebFiles.find("/" + name).isPresent());
    assertThat(text("/"))
        .doesNotContain("<script>")
        .doesNotContain("<style")
        .doesNotContain("style=");
  }

  @Test
  void licencesOfTheLibrariesAreThere() {
    assertThat(text("/lib/preact-license.txt")).contains("MIT");
    assertThat(text("/lib/marked-license.txt")).contains("Permission is hereby granted");
    assertThat(text("/lib/purify-license.txt")).contains("Apache License");
    assertThat(text("/lib/highlight.js")).contains("BSD-3-Clause");
  }
}
