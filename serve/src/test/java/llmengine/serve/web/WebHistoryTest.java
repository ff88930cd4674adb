package llmengine.serve.web;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import llmengine.serve.web.FakeChatServer.Step;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openqa.selenium.By;
import org.openqa.selenium.Keys;
import org.openqa.selenium.WebElement;

/** Conversations that stay, languages, themes and small screens. */
class WebHistoryTest extends BrowserTest {
  @TempDir Path folder;

  private void talk(String question, String answer) {
    browser.click("#new-chat");
    browser.untilGone(".question");
    server.answer(answer);
    browser.ask(question);
  }

  private List<String> titles() {
    return browser.all(".entry-title").stream().map(WebElement::getText).toList();
  }

  @Test
  void reloadKeepsConversationsAndTheOneThatIsOpen() {
    talk("About apples", "Apples are red.");
    talk("About pears", "Pears are green.");
    browser.driver.navigate().refresh();
    browser.untilText(".answer", "Pears are green.");
    assertThat(titles()).containsExactly("About pears", "About apples");
    browser.driver.findElement(By.xpath("//button[text()='About apples']")).click();
    browser.untilText(".answer", "Apples are red.");
    browser.driver.navigate().back();
    browser.untilText(".answer", "Pears are green.");
  }

  @Test
  void pageClosedInMidAnswerOffersToGoOn() {
    CountDownLatch never = new CountDownLatch(1);
    server.answer(
        new Step.Say("Kept "), new Step.Pause(1200), new Step.Say("part"), new Step.Await(never));
    browser.say("Go");
    browser.untilText(".answer", "Kept part");
    browser.driver.navigate().refresh();
    browser.untilText(".answer", "Kept part");
    browser.untilText(".ending", "connection to the server was lost");
    browser.find(".proceed");
  }

  @Test
  void twoConversationsAnswerAtOnce() {
    CountDownLatch rest = new CountDownLatch(1);
    server.answer(new Step.Say("slow "), new Step.Await(rest), new Step.Say("answer"));
    browser.say("Slow one");
    browser.untilText(".answer", "slow");
    talk("Quick one", "quick answer");
    browser.untilText(".answer", "quick answer");
    rest.countDown();
    browser.untilGone(".pulse");
    browser.driver.findElement(By.xpath("//button[contains(., 'Slow one')]")).click();
    browser.untilText(".answer", "slow answer");
  }

  @Test
  void conversationsAreFoundRenamedAndDeleted() {
    talk("About apples", "They grow on trees.");
    talk("About ships", "They sail.");
    browser.find("#composer").sendKeys(Keys.chord(Keys.CONTROL, "k"));
    browser.driver.switchTo().activeElement().sendKeys("TREES");
    browser.until("one match", () -> titles().equals(List.of("About apples")));
    browser.find("#search").sendKeys(" of gold");
    browser.untilText(".list", "Nothing found.");
    browser.find("#search").clear();
    browser.find("#search").sendKeys("x", Keys.BACK_SPACE);
    browser.until("all", () -> titles().size() == 2);

    browser.click(".entry.active .entry-title");
    browser.click("[aria-label='Rename: About ships']");
    WebElement field = browser.find(".rename");
    field.sendKeys(Keys.chord(Keys.CONTROL, "a"), "Sailing <b>", Keys.ENTER);
    browser.until("the new title", () -> titles().contains("Sailing <b>"));
    browser.driver.navigate().refresh();
    browser.until("the new title", () -> titles().contains("Sailing <b>"));

    browser.click(".entry.active .entry-title");
    browser.click("[aria-label='Delete: Sailing <b>']");
    browser.driver.switchTo().alert().accept();
    browser.until("one left", () -> titles().equals(List.of("About apples")));
    browser.driver.navigate().refresh();
    browser.until("one left", () -> titles().equals(List.of("About apples")));
  }

  @Test
  void exportedConversationsComeBackByImport() throws IOException {
    talk("About apples", "They grow on trees.");
    browser.run(
        "URL.createObjectURL = blob => { blob.text().then(t => { window.exported = t; }); return"
            + " '#'; };");
    browser.driver.findElement(By.xpath("//button[contains(., 'Export all')]")).click();
    browser.until("the file", () -> browser.run("return window.exported"));
    Path file =
        Files.writeString(
            folder.resolve("all.json"), (String) browser.run("return window.exported"));
    browser.driver.findElement(By.id("import")).sendKeys(file.toString());
    browser.untilText(".notice", "Imported 1 conversations.");
    assertThat(titles()).containsExactly("About apples", "About apples");
    browser.all(".entry:not(.active) .entry-title").getFirst().click();
    browser.untilText(".answer", "They grow on trees.");

    Files.writeString(file, "{\"format\": \"something else\"}");
    browser.driver.findElement(By.id("import")).sendKeys(file.toString());
    browser.untilText(".notice.problem", "expected \"llm-engine-conversations\" version 1");
    assertThat(titles()).hasSize(2);
  }

  @Test
  void speaksTheBrowsersLanguageUntilToldOtherwise() {
    browser.languages("zh-CN,zh;q=0.9,en;q=0.8");
    browser.driver.navigate().refresh();
    browser.untilText(".welcome", "想聊点什么？");
    assertThat(browser.run("return document.documentElement.lang")).isEqualTo("zh-Hans");
    server.answer("```\nx\n```");
    browser.ask("你好");
    browser.untilText(".code .copy", "复制");
    browser.click("#open-settings");
    browser.click("input[name=language][value=en] + span");
    browser.untilText("#settings-title", "Settings");
    browser.untilText(".code .copy", "Copy");
    browser.driver.navigate().refresh();
    browser.untilText("#new-chat", "New chat");
  }

  @Test
  void themeFollowsTheSystemUntilToldOtherwise() {
    String paper = "return getComputedStyle(document.documentElement).backgroundColor";
    String light = (String) browser.run(paper);
    browser.dark(true);
    String dark = (String) browser.run(paper);
    assertThat(dark).isNotEqualTo(light);
    browser.click("#open-settings");
    browser.click("input[name=theme][value=light] + span");
    browser.until("the light theme", () -> light.equals(browser.run(paper)));
    browser.driver.navigate().refresh();
    assertThat(browser.run(paper)).isEqualTo(light);
  }

  @Test
  void fitsAPhone() {
    browser.phone();
    browser.driver.navigate().refresh();
    browser.until("the models", () -> browser.all("#model option").size() == 2);
    server.answer(
        "A very"
            + "long".repeat(60)
            + " word, `"
            + "code".repeat(60)
            + "`\n\n```\n"
            + "x".repeat(300)
            + "\n```\n\n|"
            + " heading |".repeat(12)
            + "\n|"
            + "---|".repeat(12)
            + "\n|"
            + " cell |".repeat(12));
    browser.ask("w".repeat(200));
    assertNoSideways();
    browser.click("[aria-label='Show conversations']");
    browser.find("#search");
    browser.until("the list in view", () -> browser.find(".sidebar").getRect().x == 0);
    assertNoSideways();
    browser.find("body").sendKeys(Keys.ESCAPE);
    browser.untilGone("#search");
    browser.click("#open-settings");
    browser.find("#temperature");
    assertNoSideways();
  }

  private void assertNoSideways() {
    assertThat(
            browser.run(
                "return [...document.querySelectorAll('.main *')].filter(e =>"
                    + " e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.table,"
                    + " pre, .sidebar')).map(e => e.outerHTML.slice(0, 200)).join()"))
        .isEqualTo("");
    assertThat(browser.run("return document.scrollingElement.scrollWidth")).isEqualTo(390L);
    assertThat(
            browser.run(
                "return [...document.querySelectorAll('.thread, .settings[open],"
                    + " .sidebar')].filter(e => e.scrollWidth > e.clientWidth + 1).map(e =>"
                    + " e.className).join()"))
        .isEqualTo("");
  }

  @Test
  void keyboardReachesEverythingAndControlsHaveNames() {
    server.answer("```\ncode\n```");
    browser.ask("Hi");
    assertThat(
            browser.run(
                "return [...document.querySelectorAll('button, input, select, textarea,"
                    + " a')].filter(e => !(e.getAttribute('aria-label') || e.textContent.trim() ||"
                    + " e.labels?.length)).map(e => e.outerHTML).join()"))
        .isEqualTo("");
    browser.run("document.body.tabIndex = -1; document.body.focus();");
    browser.find("body").sendKeys(Keys.TAB);
    WebElement skip = browser.driver.switchTo().activeElement();
    assertThat(skip.getText()).isEqualTo("Skip to the conversation");
    assertThat(browser.run("return getComputedStyle(arguments[0]).outlineStyle", skip))
        .isEqualTo("solid");
    skip.sendKeys(Keys.ENTER);
    assertThat(browser.driver.switchTo().activeElement().getDomAttribute("id"))
        .isEqualTo("messages");
  }
}
