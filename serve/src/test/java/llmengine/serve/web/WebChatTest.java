package llmengine.serve.web;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import llmengine.serve.web.FakeChatServer.Step;
import org.junit.jupiter.api.Test;
import org.openqa.selenium.Keys;
import org.openqa.selenium.WebElement;
import org.openqa.selenium.support.ui.Select;

/** A conversation in the browser, by pointer and by keys. */
class WebChatTest extends BrowserTest {
  private List<String> sentTexts() {
    return server.lastRequest().path("messages").findValuesAsText("content");
  }

  private List<String> sentRoles() {
    return server.lastRequest().path("messages").findValuesAsText("role");
  }

  @Test
  void answerGrowsAsItStreamsAndIsMarkdown() {
    CountDownLatch rest = new CountDownLatch(1);
    server.answer(
        new Step.Say("# Title\n\nSome **bold** te"),
        new Step.Await(rest),
        new Step.Say("xt.\n\n```java\nint a = 1;\n```\n\n| x | y |\n|---|---|\n| 1 | 2 |\n"));
    browser.say("Hello");
    browser.untilText(".answer.grows h1", "Title");
    browser.untilText(".answer.grows strong", "bold");
    assertThat(browser.find("#stop").isDisplayed()).isTrue();
    rest.countDown();
    browser.untilText(".answer pre code", "int a = 1;");
    browser.untilText(".answer td", "2");
    browser.find("#send");
    assertThat(browser.find(".answer .code-head span").getText()).isEqualTo("java");
    assertThat(browser.all(".answer .hljs-type")).hasSize(1);
    browser.untilText(".stats", "2 tokens");
    browser.untilText(".meter", "102 of 4,096 tokens");
    assertThat(browser.find("[role=status]").getDomProperty("textContent"))
        .isEqualTo("Answer complete.");
    JsonNode request = server.lastRequest();
    assertThat(request.path("model").asText()).isEqualTo(FakeChatServer.MODEL);
    assertThat(request.path("stream").asBoolean()).isTrue();
    assertThat(request.has("temperature")).isFalse();
    assertThat(sentTexts()).containsExactly("Hello");
  }

  @Test
  void stopKeepsWhatArrivedAndTellsTheServer() throws InterruptedException {
    server.answer(new Step.Say("One, two, "), new Step.Await(new CountDownLatch(1)));
    browser.say("Count");
    browser.untilText(".answer", "One, two,");
    browser.click("#stop");
    browser.untilText(".ending", "Stopped.");
    assertThat(server.clientGone.await(10, TimeUnit.SECONDS)).isTrue();
    server.answer("three.");
    browser.click(".proceed");
    browser.untilText(".answer", "One, two, three.");
    assertThat(sentTexts()).startsWith("Count", "One, two, ").hasSize(3);
    assertThat(sentRoles()).containsExactly("user", "assistant", "user");
  }

  @Test
  void escapeStops() {
    server.answer(new Step.Say("On and on"), new Step.Await(new CountDownLatch(1)));
    browser.say("Go");
    browser.untilText(".answer", "On and on");
    browser.find("#composer").sendKeys(Keys.ESCAPE);
    browser.untilText(".ending", "Stopped.");
  }

  @Test
  void regeneratedAnswersAreVersions() {
    server.answer("First answer.").answer("Second answer.");
    browser.ask("Say something");
    browser.click(".answer [aria-label='Answer again']");
    browser.untilText(".answer", "Second answer.");
    browser.untilText(".answer .versions", "2 of 2");
    assertThat(sentTexts()).containsExactly("Say something");
    browser.click(".answer [aria-label='Previous version']");
    browser.untilText(".answer", "First answer.");
    server.answer("Third.");
    browser.ask("And now?");
    assertThat(sentTexts()).containsExactly("Say something", "First answer.", "And now?");
  }

  @Test
  void editedQuestionIsAskedAndTheOldOneKept() {
    server.answer("It is red.").answer("It is blue.");
    browser.ask("Colour of the rose?");
    browser.find("#composer").sendKeys(Keys.ARROW_UP); // the last message, as in a shell
    WebElement editor = browser.find(".editor textarea");
    assertThat(editor.getDomProperty("value")).isEqualTo("Colour of the rose?");
    editor.clear();
    editor.sendKeys("Colour of the sky?", Keys.ENTER);
    browser.untilText(".answer", "It is blue.");
    assertThat(sentTexts()).containsExactly("Colour of the sky?");
    browser.click(".question [aria-label='Previous version']");
    browser.untilText(".answer", "It is red.");
    browser.click(".question [aria-label=Edit]");
    browser.find(".editor textarea").sendKeys(Keys.ESCAPE);
    browser.untilGone(".editor");
  }

  @Test
  void shiftEnterIsALineAndEmptyMessagesAreNotSent() {
    WebElement field = browser.find("#composer");
    field.sendKeys("  ", Keys.ENTER);
    field.clear();
    field.sendKeys("a", Keys.chord(Keys.SHIFT, Keys.ENTER), "b");
    assertThat(server.requests).isEmpty();
    server.answer("ok");
    field.sendKeys(Keys.ENTER);
    browser.untilText(".answer", "ok");
    assertThat(sentTexts()).containsExactly("a\nb");
  }

  @Test
  void enterThatEndsAChineseWordDoesNotSend() {
    browser.run(
        "const f = document.getElementById('composer'); f.value = 'ni';"
            + " f.dispatchEvent(new KeyboardEvent('keydown',"
            + " {key: 'Enter', isComposing: true, bubbles: true, cancelable: true}));");
    assertThat(browser.find("#composer").getDomProperty("value")).isEqualTo("ni");
    assertThat(server.requests).isEmpty();
  }

  @Test
  void settingsGoIntoTheRequest() {
    browser.click("#open-settings");
    browser.find("#system").sendKeys("Be brief.", Keys.TAB);
    browser.find("#temperature").sendKeys("0.3");
    browser.find("#top_k").sendKeys("20");
    browser.find("#max_tokens").sendKeys("64");
    browser.find("#seed").sendKeys("7");
    browser.find("#stop-texts").sendKeys("END\n\\n\\n");
    browser.find("#tools").sendKeys("[{\"type\": \"function\"");
    browser.untilText(".quiet.problem", "Not a JSON list");
    browser.find("#tools").clear();
    browser.find("#temperature").sendKeys(Keys.ESCAPE);
    browser.untilGone("dialog");
    new Select(browser.find("#model")).selectByValue(FakeChatServer.ADAPTER);
    server.answer("Aye.");
    browser.ask("Hi");
    JsonNode request = server.lastRequest();
    assertThat(request.path("model").asText()).isEqualTo(FakeChatServer.ADAPTER);
    assertThat(request.path("temperature").asDouble()).isEqualTo(0.3);
    assertThat(request.path("top_k").asInt()).isEqualTo(20);
    assertThat(request.path("max_tokens").asInt()).isEqualTo(64);
    assertThat(request.path("seed").asInt()).isEqualTo(7);
    assertThat(request.path("stop")).hasToString("[\"END\",\"\\n\\n\"]");
    assertThat(request.has("top_p")).isFalse();
    assertThat(sentRoles()).containsExactly("system", "user");
    assertThat(sentTexts()).containsExactly("Be brief.", "Hi");
  }

  @Test
  void reasoningIsFoldedOnceTheAnswerBegins() {
    CountDownLatch answer = new CountDownLatch(1);
    server.answer(
        new Step.Think("Let me *think*."), new Step.Await(answer), new Step.Say("Forty-two."));
    browser.say("What is it?");
    browser.untilText(".fold[open] em", "think");
    answer.countDown();
    browser.untilText(".answer > .prose", "Forty-two.");
    browser.untilGone(".fold .prose");
    browser.click(".fold summary");
    browser.untilText(".fold[open]", "Let me think.");
  }

  @Test
  void toolCallsAreShownAndAnswered() {
    server.answer(
        new Step.Call(
            "{\"index\":0,\"id\":\"c1\",\"function\":{\"name\":\"weather\",\"arguments\":\"{\\\"ci\"}}"),
        new Step.Call("{\"index\":0,\"function\":{\"arguments\":\"ty\\\":\\\"Oslo\\\"}\"}}"),
        new Step.Call(
            "{\"index\":1,\"id\":\"c2\",\"function\":{\"name\":\"clock\",\"arguments\":\"{}\"}}"),
        new Step.Finish("tool_calls"));
    browser.ask("Weather in Oslo?");
    browser.untilText(".call pre", "\"city\": \"Oslo\"");
    assertThat(browser.all(".call")).hasSize(2);
    browser.all(".call textarea").get(0).sendKeys("rain");
    browser.all(".call textarea").get(1).sendKeys("noon");
    server.answer("Rain at noon.");
    browser.click(".calls .primary");
    browser.untilText(".answer > .prose", "Rain at noon.");
    assertThat(sentRoles()).containsExactly("user", "assistant", "tool", "tool");
    JsonNode messages = server.lastRequest().path("messages");
    assertThat(
            messages.path(1).path("tool_calls").path(0).path("function").path("arguments").asText())
        .isEqualTo("{\"city\":\"Oslo\"}");
    assertThat(messages.path(3).path("tool_call_id").asText()).isEqualTo("c2");
    assertThat(messages.path(3).path("content").asText()).isEqualTo("noon");
  }

  @Test
  void codeIsCopied() {
    server.answer("```js\nlet a = '<b>';\n```");
    browser.ask("Code");
    browser.run("navigator.clipboard.writeText = async text => { window.copied = text; }");
    browser.click(".code .copy");
    browser.untilText(".code .copy", "Copied");
    assertThat(browser.run("return window.copied")).isEqualTo("let a = '<b>';");
  }

  @Test
  void wordsOfTheServerAboutALimitOrAnErrorAreShown() {
    server.answer(new Step.Say("A long"), new Step.Finish("length"));
    browser.ask("Tell");
    browser.untilText(".ending", "limit of tokens");
    server.answer(new Step.Refuse(400, "prompt has 5000 tokens, context 4096"));
    browser.ask("More");
    browser.untilText(".ending.problem", "prompt has 5000 tokens, context 4096");
    server.answer(new Step.Refuse(429, "queue is full"));
    browser.click(".answer:last-child .again");
    browser.untilText(".notice", "Try again in 3 s");
    browser.untilText(".ending.problem", "queue is full");
    server.answer(new Step.Say("Half"), new Step.Refuse(500, "out of blocks"));
    browser.click(".answer:last-child .again");
    browser.untilText(".ending.problem", "out of blocks");
    browser.untilText(".answer", "Half");
  }

  @Test
  void keyIsAskedForAndSent() {
    server.requireKey("s3cret");
    browser.driver.navigate().refresh();
    browser.untilText(".bar", "asks for an API key");
    browser.click(".bar .text-button");
    assertThat(browser.driver.switchTo().activeElement().getDomAttribute("id")).isEqualTo("key");
    browser.find("#key").sendKeys("s3cret", Keys.TAB);
    browser.untilGone(".bar");
    browser.find("#key").sendKeys(Keys.ESCAPE);
    server.answer("Welcome.");
    browser.ask("Hi");
    browser.untilText(".answer", "Welcome.");
  }

  @Test
  void restartInMidStreamKeepsThePartAndGoesOn() {
    int port = server.port();
    server.answer(new Step.Say("The first half, "), new Step.Await(new CountDownLatch(1)));
    browser.say("Go");
    browser.untilText(".answer", "The first half,");
    server.kill();
    browser.untilText(
        ".ending.problem", "The connection to the server was lost. What had arrived is kept.");
    browser.untilText(".answer", "The first half,");
    browser.untilText(".bar", "not reachable");
    server.restart(port);
    browser.untilGone(".bar");
    server.answer("the second half.");
    browser.click(".proceed");
    browser.untilText(".answer", "The first half, the second half.");
    browser.untilGone(".ending");
  }

  @Test
  void connectionCutBeforeTheFirstWordIsAskedAgain() {
    server.answer(new Step.Cut());
    browser.ask("Hi");
    browser.untilText(".ending.problem", "connection to the server was lost");
    assertThat(browser.all(".proceed")).isEmpty();
    server.answer("Hello.");
    browser.click(".again");
    browser.untilText(".answer", "Hello.");
  }
}
