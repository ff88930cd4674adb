package llmengine.cli;

import java.io.PrintWriter;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import llmengine.serve.Serving;
import llmengine.serve.http.ServerSettings;
import llmengine.train.config.RunConfig;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code engine serve}: a model behind OpenAI's API. */
@Command(
    name = "serve",
    aliases = "api",
    description = {
      "Serve a model through OpenAI's API, with a chat page at / and a page about the API at"
          + " /docs.",
      "The keys are those of chat and, for the network, api_host, api_port, api_key and others of"
          + " docs/config.md; or API_HOST, API_PORT, API_KEY, API_MODEL_NAME, API_VERBOSE,"
          + " FASTAPI_ROOT_PATH and MAX_CONCURRENT of the environment. SIGTERM or Ctrl-C lets"
          + " running requests finish."
    },
    footer =
        "%nExample: engine serve model_name_or_path=MODEL adapter_name_or_path=saves/lora"
            + " template=llama3 api_port=8000")
final class ServeCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;
  @Mixin private Words words;

  @Override
  public Integer call() throws InterruptedException {
    RunConfig config = RunConfig.forInference(words.list());
    PrintWriter out = spec.commandLine().getOut();
    config.notes().forEach(out::println);
    CountDownLatch ended = new CountDownLatch(1);
    try (Serving serving = new Serving(config, environment(), out::println)) {
      Thread hook =
          new Thread(
              () -> {
                out.println("stopping: running requests may finish");
                serving.close();
                ended.countDown();
              },
              "serve-stop");
      Runtime.getRuntime().addShutdownHook(hook);
      tell(serving, out);
      ended.await();
    }
    return ExitCode.OK;
  }

  private static Map<String, String> environment() {
    return System.getenv();
  }

  private static void tell(Serving serving, PrintWriter out) {
    ServerSettings settings = serving.settings();
    out.printf(
        Locale.ROOT,
        "model  %s, template %s, context %,d tokens%n",
        serving.model().name(),
        serving.model().format().name(),
        serving.model().context());
    if (!settings.isLocal() && settings.keys().isEmpty()) {
      out.println(
          "warning  the server is open to the network without a key: set API_KEY, or"
              + " api_host=127.0.0.1");
    }
    out.printf(
        Locale.ROOT,
        "serving  http://%s:%d/v1  (chat: /, API: /docs, stop: Ctrl-C)%n",
        settings.isLocal() ? "localhost" : settings.host(),
        serving.port());
    out.flush();
  }
}
