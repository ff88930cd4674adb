package llmengine.serve;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import llmengine.serve.chat.AnswerFormat;
import llmengine.serve.grammar.Grammars;
import llmengine.serve.http.ApiServer;
import llmengine.serve.http.ApiServer.Route;
import llmengine.serve.http.DocsPage;
import llmengine.serve.http.Metrics;
import llmengine.serve.http.ServerSettings;
import llmengine.serve.http.StaticFiles;
import llmengine.serve.openai.AdapterLoading;
import llmengine.serve.openai.ChatCompletions;
import llmengine.serve.openai.Completions;
import llmengine.serve.openai.Models;
import llmengine.serve.openai.Representing;
import llmengine.serve.openai.Tokenization;
import llmengine.serve.openai.Work;
import llmengine.serve.schedule.Scheduler;
import llmengine.serve.web.WebChat;
import llmengine.train.config.RunConfig;
import llmengine.train.model.ModelSession;

/** A model on the network: opens all that {@code serve} needs, and closes it in reverse order. */
public final class Serving implements AutoCloseable {
  private final ArrayList<AutoCloseable> opened = new ArrayList<>();
  private final ServerSettings settings;
  private final ServedModel model;
  private final Work work;
  private final ApiServer server;
  private boolean closed;

  /**
   * Opens the model and listens.
   *
   * @param environment variables that count where the configuration is silent
   * @param log takes lines about requests
   */
  public Serving(RunConfig config, Map<String, String> environment, Consumer<String> log) {
    settings = ServerSettings.of(config, environment);
    boolean whole = false;
    try {
      String name = ServerSettings.modelName(config, environment);
      int answers = ServerSettings.maxConcurrent(config, environment);
      OpenModel open = opening(new OpenModel(config, name, answers));
      Scheduler scheduler = open.scheduler();
      ModelSession session = open.session();
      model =
          new ServedModel(
              name,
              session.tokenizer(),
              session.chatFormat(),
              AnswerFormat.of(session.chatFormat()),
              new Grammars(session.tokenizer(), session.chatFormat().stopIds()),
              new TokenTexts(session.tokenizer()),
              scheduler.context(),
              config.generating(),
              open.isRewardModel() ? Optional.empty() : Optional.of(scheduler),
              Optional.of(scheduler),
              System.currentTimeMillis() / 1000);
      Metrics metrics = new Metrics();
      observe(metrics, scheduler);
      work = new Work(metrics);
      List<Route> routes = new ArrayList<>(routes(model, work));
      AdapterLoading adapters = new AdapterLoading(scheduler, config.serve().apiAdapterFolder());
      routes.add(new Route("POST", "/v1/load_lora_adapter", adapters::load));
      routes.add(new Route("POST", "/v1/unload_lora_adapter", adapters::unload));
      server =
          opening(
              new ApiServer(
                  settings,
                  routes,
                  List.of(
                      new DocsPage(settings.rootPath()),
                      new StaticFiles(WebChat.FOLDER, settings.rootPath(), WebChat.POLICY)),
                  metrics,
                  log));
      whole = true;
    } finally {
      if (!whole) {
        OpenModel.closeAll(opened);
      }
    }
  }

  private <T extends AutoCloseable> T opening(T part) {
    opened.add(part);
    return part;
  }

  /** What a served model answers. */
  public static List<Route> routes(ServedModel model, Work work) {
    Tokenization tokenization = new Tokenization(model);
    Representing representing = new Representing(model);
    return List.of(
        new Route("GET", "/v1/models", new Models(model)),
        new Route("POST", "/v1/chat/completions", new ChatCompletions(model, work)),
        new Route("POST", "/v1/completions", new Completions(model, work)),
        new Route("POST", "/v1/embeddings", representing::embed),
        new Route("POST", "/v1/score/evaluation", representing::score),
        new Route("POST", "/tokenize", tokenization::tokenize),
        new Route("POST", "/detokenize", tokenization::detokenize));
  }

  private static void observe(Metrics metrics, Scheduler scheduler) {
    metrics.gauge(
        "llmengine_answers_running",
        "Answers that are being written.",
        () -> scheduler.statistics().running());
    metrics.gauge(
        "llmengine_requests_waiting",
        "Requests in the queue.",
        () -> scheduler.statistics().waiting());
    metrics.gauge(
        "llmengine_kv_blocks_used",
        "Blocks of keys and values that answers hold.",
        () -> scheduler.statistics().usedBlocks());
    metrics.gauge(
        "llmengine_kv_blocks_cached",
        "Blocks of keys and values kept for prompts that begin alike.",
        () -> scheduler.statistics().cachedBlocks());
    metrics.gauge(
        "llmengine_kv_blocks_free",
        "Blocks of keys and values that are free.",
        () -> scheduler.statistics().freeBlocks());
    metrics.gauge(
        "llmengine_preemptions",
        "Answers that had to give way to older ones so far.",
        () -> scheduler.statistics().preemptions());
  }

  public ServedModel model() {
    return model;
  }

  public ServerSettings settings() {
    return settings;
  }

  /** The port it listens at. */
  public int port() {
    return server.port();
  }

  /** Lets running requests finish within the drain time, then closes everything. */
  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      server.stop(work::cancelAll);
      OpenModel.closeAll(opened);
    }
  }
}
