package llmengine.serve.web;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;

/**
 * What tests in a browser share: each has a server of its own, hence an origin and storage of its
 * own.
 */
class BrowserTest {
  static Browser browser;
  FakeChatServer server;

  @BeforeAll
  static void openBrowser() {
    browser = Browser.open();
  }

  @AfterAll
  static void closeBrowser() {
    if (browser != null) {
      browser.close();
    }
  }

  @BeforeEach
  void openPage() {
    server = FakeChatServer.start();
    browser.desktop();
    browser.dark(false);
    browser.languages("en-US");
    browser.open(server.address());
    browser.until("the models", () -> browser.all("#model option").size() == 2);
  }

  @AfterEach
  void noComplaints() {
    if (server != null) {
      server.close();
    }
    if (browser != null) {
      // of the policy (CSP, trusted types) and of scripts
      assertThat(browser.complaints()).isEmpty();
    }
  }
}
