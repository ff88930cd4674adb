package llmengine.serve.web;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import llmengine.serve.web.FakeChatServer.Step;
import org.openqa.selenium.By;

/**
 * Takes the pictures of the documentation, for eyes to judge: desktop and phone, light and dark.
 * Run by hand; the argument is the folder.
 */
final class WebPictures {
  private static final String SAILING =
      """
      A sailing boat can go **against** the wind because its sail works like a wing, and its keel turns \
      the sideways part of the force into motion ahead.

      ## Three forces

      1. **Lift** on the sail, at a right angle to the wind that the boat feels.
      2. **Side force** of the keel, which stops the boat from drifting.
      3. **Drag** of hull and rigging, which costs speed.

      The best speed upwind comes at about 45° to the wind. This gives the course made good:

      ```python
      import math

      def made_good(speed: float, angle: float) -> float:
          \"""Speed towards the wind, in knots.\"""
          return speed * math.cos(math.radians(angle))

      for angle in range(35, 60, 5):
          print(f"{angle}°  {made_good(6.0, angle):.2f} kn")
      ```

      | Angle to the wind | Speed | Made good |
      |---|---:|---:|
      | 35° | 4.1 kn | 3.36 kn |
      | 45° | 5.6 kn | 3.96 kn |
      | 60° | 6.4 kn | 3.20 kn |

      So `45°` wins here, although the boat is *faster* on a wider course.
      """;

  private final FakeChatServer server;
  private final Browser browser;
  private final Path folder;

  private WebPictures(FakeChatServer server, Browser browser, Path folder) {
    this.server = server;
    this.browser = browser;
    this.folder = folder;
  }

  public static void main(String[] args) {
    try (FakeChatServer server = FakeChatServer.start();
        Browser browser = Browser.open()) {
      new WebPictures(server, browser, Path.of(args[0])).take();
    }
  }

  private void take() {
    browser.desktop();
    browser.languages("en-US");
    browser.open(server.address());
    picture("empty-desktop-light");
    for (String[] talk :
        new String[][] {
          {"Rename photos by their date", "Use `exiftool`."},
          {"Summary of the meeting notes", "Three decisions."},
          {"为什么天空是蓝色的？", "因为短波长的**蓝光**比红光散射得更强，这叫作瑞利散射。\n\n- 蓝光波长约 450 纳米\n- 红光波长约 700 纳米"},
          {"Regular expression for an ISO date", "`\\d{4}-\\d{2}-\\d{2}`"},
        }) {
      ask(talk[0], new Step.Say(talk[1]));
      browser.click("#new-chat");
    }
    ask(
        "How can a sailing boat go against the wind?",
        words("The user asks about sailing upwind. Lift, keel, a small example.", SAILING));
    browser.run("document.querySelector('.thread').scrollTop = 0");
    picture("chat-desktop-light");
    browser.dark(true);
    picture("chat-desktop-dark");
    browser.run("document.querySelector('.thread').scrollTop = 1e6");
    picture("chat-end-desktop-dark");
    browser.click("#open-settings");
    picture("settings-desktop-dark");
    browser.dark(false);
    picture("settings-desktop-light");
    browser.click(".sheet-head button");
    phone();
    browser.click("#new-chat, [aria-label='New chat'].narrow-only");
    browser.desktop();
    states();
    chinese();
  }

  private void phone() {
    browser.phone();
    browser.driver.navigate().refresh();
    browser.find(".answer");
    browser.run("document.querySelector('.thread').scrollTop = 0");
    picture("chat-phone-light");
    browser.dark(true);
    browser.run("document.querySelector('.thread').scrollTop = 600");
    picture("chat-phone-dark");
    browser.dark(false);
    browser.click("[aria-label='Show conversations']");
    browser.until("the list", () -> browser.find(".sidebar").getRect().x == 0);
    picture("list-phone-light");
    browser.click(".sidebar [aria-label='Hide conversations']");
    browser.until("no list", () -> browser.find(".sidebar").getRect().x < 0 || true);
    browser.click("#open-settings");
    picture("settings-phone-light");
    browser.click(".sheet-head button");
  }

  private void states() {
    server.answer(
        new Step.Call(
            "{\"index\":0,\"id\":\"c1\",\"function\":{\"name\":\"get_weather\",\"arguments\":"
                + "\"{\\\"city\\\":\\\"Oslo\\\",\\\"unit\\\":\\\"celsius\\\"}\"}}"),
        new Step.Finish("tool_calls"));
    browser.ask("What is the weather in Oslo?");
    picture("tools-desktop-light");
    browser.all(".call textarea").getFirst().sendKeys("{\"temperature\": 4, \"sky\": \"rain\"}");
    int port = server.port();
    server.answer(
        new Step.Say("It is **4 °C** in Oslo, and it rains. Take a"),
        new Step.Await(new CountDownLatch(1)));
    browser.click(".calls .primary");
    browser.untilText(".answer", "Take a");
    picture("streaming-desktop-light");
    server.kill();
    browser.untilText(".bar", "not reachable");
    picture("lost-desktop-light");
    server.restart(port);
    browser.untilGone(".bar");
  }

  private void chinese() {
    browser.languages("zh-CN");
    browser.driver.navigate().refresh();
    browser.driver.findElement(By.xpath("//button[contains(., '天空')]")).click();
    browser.untilText(".answer", "瑞利");
    picture("chinese-desktop-light");
  }

  private void ask(String question, Step... steps) {
    server.answer(steps);
    browser.ask(question);
  }

  /** Thoughts, then a word at a time, for figures that look like those of a model. */
  private static Step[] words(String thoughts, String text) {
    List<Step> steps = new ArrayList<>(List.of(new Step.Pause(300), new Step.Think(thoughts)));
    for (String word : text.split("(?<= )")) {
      steps.add(new Step.Pause(20));
      steps.add(new Step.Say(word));
    }
    return steps.toArray(Step[]::new);
  }

  private void picture(String name) {
    browser.run(
        "document.activeElement.blur(); document.querySelector('.notice button')?.click();");
    browser.driver.executeCdpCommand("Emulation.setScrollbarsHidden", Map.of("hidden", true));
    browser.picture(folder.resolve(name + ".png"));
  }
}
