package llmengine.serve.web;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import llmengine.serve.Serving;
import llmengine.train.config.RunConfig;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.openqa.selenium.Keys;

/** The page and the real server, with the model of the quickstart. */
class WebChatServedTest {
  private static final Path MODEL = Path.of("../examples/quickstart-model/model");

  @Test
  void modelAnswersInThePage() {
    Assumptions.assumeTrue(Files.isDirectory(MODEL), "no model at " + MODEL);
    RunConfig config =
        RunConfig.forInference(
            List.of(
                "model_name_or_path=" + MODEL,
                "template=chatml",
                "api_model_name=quickstart",
                "api_port=0",
                "api_key=s3cret",
                "do_sample=false"));
    try (Browser browser = Browser.open();
        Serving serving = new Serving(config, Map.of(), line -> {})) {
      browser.open("http://localhost:" + serving.port() + "/");
      browser.click(".bar .text-button");
      browser.find("#key").sendKeys("s3cret", Keys.TAB);
      browser.untilGone(".bar");
      browser.find("#key").sendKeys(Keys.ESCAPE);
      browser.until("the model", () -> browser.find("#model").getText().contains("quickstart"));
      browser.ask("Where do you live?");
      browser.untilText(".answer > .prose", "I live in a computer.");
      browser.untilText(".stats", "tokens/s");
      browser.untilText(".meter", "of 512 tokens");

      browser.click("#open-settings");
      browser.find("#top_p").sendKeys("7");
      browser.find("#top_p").sendKeys(Keys.ESCAPE);
      browser.click(".answer [aria-label='Answer again']");
      browser.untilText(".ending.problem", "top_p");
      assertThat(browser.complaints()).isEmpty();
    }
  }
}
