package llmengine.serve.web;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.openqa.selenium.By;
import org.openqa.selenium.Keys;
import org.openqa.selenium.OutputType;
import org.openqa.selenium.StaleElementReferenceException;
import org.openqa.selenium.WebElement;
import org.openqa.selenium.chrome.ChromeDriver;
import org.openqa.selenium.chrome.ChromeDriverService;
import org.openqa.selenium.chrome.ChromeOptions;
import org.openqa.selenium.logging.LogType;
import org.openqa.selenium.logging.LoggingPreferences;
import org.openqa.selenium.support.ui.WebDriverWait;

/**
 * A headless Chromium. Tests that ask for one are skipped, with the reason, where there is none.
 */
final class Browser implements AutoCloseable {
  // kept: a logger that nobody holds forgets its level
  private static final Logger SELENIUM = Logger.getLogger("org.openqa.selenium");

  final ChromeDriver driver;

  private Browser(ChromeDriver driver) {
    this.driver = driver;
  }

  static Browser open() {
    Optional<Path> program = onPath("chromium", "chromium-browser", "google-chrome", "chrome");
    Optional<Path> driver = onPath("chromedriver");
    if (program.isEmpty() || driver.isEmpty()) {
      String reason =
          "no browser: expected the programs chromium and chromedriver on the PATH, got "
              + program.or(() -> driver).map(Path::toString).orElse("neither")
              + ". On Debian: apt install chromium chromium-driver";
      System.out.println("skipped: " + reason);
      Assumptions.abort(reason);
    }
    SELENIUM.setLevel(Level.SEVERE);
    ChromeOptions options = new ChromeOptions();
    options.setBinary(program.get().toFile());
    options.addArguments(
        "--headless=new",
        "--no-sandbox", // tests run as root in containers
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--hide-scrollbars",
        "--force-color-profile=srgb",
        "--lang=en-US",
        "--window-size=1440,900");
    LoggingPreferences logs = new LoggingPreferences();
    logs.enable(LogType.BROWSER, Level.ALL);
    options.setCapability("goog:loggingPrefs", logs);
    ChromeDriverService service =
        new ChromeDriverService.Builder()
            .usingDriverExecutable(driver.get().toFile())
            .usingAnyFreePort()
            .withLogOutput(java.io.OutputStream.nullOutputStream())
            .build();
    return new Browser(new ChromeDriver(service, options));
  }

  private static Optional<Path> onPath(String... names) {
    List<String> folders =
        List.of(System.getenv().getOrDefault("PATH", "").split(File.pathSeparator));
    return Stream.of(names)
        .flatMap(name -> folders.stream().map(folder -> Path.of(folder, name)))
        .filter(Files::isExecutable)
        .findFirst();
  }

  void open(String address) {
    driver.get(address);
    find("#composer");
  }

  /** The first visible element, waited for. */
  WebElement find(String css) {
    return until(
        "a visible " + css,
        () -> all(css).stream().filter(WebElement::isDisplayed).findFirst().orElse(null));
  }

  List<WebElement> all(String css) {
    return driver.findElements(By.cssSelector(css));
  }

  void click(String css) {
    find(css).click();
  }

  /** Waits until a value is neither null nor false; fails naming what was waited for. */
  <T> T until(String what, Supplier<T> value) {
    return new WebDriverWait(driver, Duration.ofSeconds(20), Duration.ofMillis(40))
        .ignoring(StaleElementReferenceException.class)
        .withMessage(
            () -> what + "; the page says: " + driver.findElement(By.tagName("body")).getText())
        .until(d -> value.get());
  }

  void untilText(String css, String text) {
    until(
        css + " containing \"" + text + "\"",
        () -> all(css).stream().anyMatch(e -> e.getText().contains(text)));
  }

  void untilGone(String css) {
    until("no " + css, () -> all(css).stream().noneMatch(WebElement::isDisplayed));
  }

  /** Writes a message and sends it with the Enter key. */
  void say(String text) {
    WebElement field = find("#composer");
    field.sendKeys(text);
    field.sendKeys(Keys.ENTER);
  }

  /** Writes a message, sends it, and waits for the end of its answer. */
  void ask(String text) {
    int before = all(".answer").size();
    say(text);
    until("an answer", () -> all(".answer").size() > before && all(".answer.grows").isEmpty());
  }

  Object run(String script, Object... arguments) {
    return driver.executeScript(script, arguments);
  }

  /** What the body of an asynchronous function returns. */
  Object await(String body, Object... arguments) {
    return driver.executeAsyncScript(
        "const done = arguments[arguments.length - 1]; (async () => { "
            + body
            + " })().then(done, e => done('failed: ' + e));",
        arguments);
  }

  /** 390 x 844, with a finger for a pointer. */
  void phone() {
    driver.executeCdpCommand(
        "Emulation.setDeviceMetricsOverride",
        Map.of("width", 390, "height", 844, "deviceScaleFactor", 2, "mobile", true));
    driver.executeCdpCommand("Emulation.setTouchEmulationEnabled", Map.of("enabled", true));
  }

  void desktop() {
    driver.executeCdpCommand(
        "Emulation.setDeviceMetricsOverride",
        Map.of("width", 1440, "height", 900, "deviceScaleFactor", 1, "mobile", false));
    driver.executeCdpCommand("Emulation.setTouchEmulationEnabled", Map.of("enabled", false));
  }

  void languages(String accept) {
    driver.executeCdpCommand(
        "Network.setUserAgentOverride",
        Map.of(
            "userAgent",
            String.valueOf(run("return navigator.userAgent")),
            "acceptLanguage",
            accept));
  }

  void dark(boolean dark) {
    driver.executeCdpCommand(
        "Emulation.setEmulatedMedia",
        Map.of(
            "features",
            List.of(Map.of("name", "prefers-color-scheme", "value", dark ? "dark" : "light"))));
  }

  void picture(Path file) {
    try {
      Files.createDirectories(file.getParent());
      Files.write(file, driver.getScreenshotAs(OutputType.BYTES));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** What the console complained about since the last call, but for failed requests. */
  List<String> complaints() {
    return driver.manage().logs().get(LogType.BROWSER).getAll().stream()
        .filter(entry -> entry.getLevel().intValue() >= Level.WARNING.intValue())
        .map(entry -> entry.getMessage())
        .filter(
            message -> !message.contains("net::") && !message.contains("Failed to load resource"))
        .toList();
  }

  @Override
  public void close() {
    driver.quit();
  }
}
