package llmengine.serve;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.UnaryOperator;
import llmengine.data.Tokenizer;
import llmengine.data.template.ChatFormat;
import llmengine.data.template.ChatTemplate;
import llmengine.data.tokenizer.HuggingFaceTokenizer;
import llmengine.serve.chat.AnswerFormat;
import llmengine.serve.grammar.Grammars;
import llmengine.serve.http.ApiServer;
import llmengine.serve.http.Metrics;
import llmengine.serve.http.ServerSettings;
import llmengine.serve.http.StaticFiles;
import llmengine.serve.openai.Work;
import llmengine.serve.schedule.Generations;
import llmengine.train.config.RunConfig;

/** A server of a test on a free port, and a plain client of it. */
public final class TestServer implements AutoCloseable {
  /** The quickstart's model, which lies in the repository. */
  public static final Path MODEL = Path.of("../examples/quickstart-model/model");

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int CONTEXT = 512;

  private final HttpClient client = HttpClient.newHttpClient();
  private final List<String> log = new ArrayList<>();
  private final ApiServer server;
  private final Work work;

  /** A server of scripted answers. */
  public TestServer(Generations generations, UnaryOperator<ServerSettings> change) {
    this(generations, "qwen", change);
  }

  public TestServer(
      Generations generations, String template, UnaryOperator<ServerSettings> change) {
    RunConfig config = config("template=" + template);
    ChatTemplate chat = ChatTemplate.named(template);
    Tokenizer tokenizer = chat.fixSpecialTokens(tokenizer());
    Metrics metrics = new Metrics();
    work = new Work(metrics);
    ServedModel model =
        new ServedModel(
            "model",
            tokenizer,
            ChatFormat.of(chat, tokenizer),
            AnswerFormat.of(chat),
            new Grammars(tokenizer, ChatFormat.of(chat, tokenizer).stopIds()),
            new TokenTexts(tokenizer),
            CONTEXT,
            config.generating(),
            Optional.of(generations),
            Optional.empty(),
            1);
    server =
        new ApiServer(
            change.apply(ServerSettings.of(config, Map.of())),
            Serving.routes(model, work),
            List.of(new StaticFiles("pages", "", "default-src 'self'")),
            metrics,
            line -> {
              synchronized (log) {
                log.add(line);
              }
            });
  }

  /** The quickstart model's tokenizer. */
  public static Tokenizer tokenizer() {
    return HuggingFaceTokenizer.load(MODEL);
  }

  /** A configuration of the quickstart's model on a free port. */
  public static RunConfig config(String... more) {
    List<String> words = new ArrayList<>(List.of("model_name_or_path=" + MODEL, "api_port=0"));
    words.addAll(List.of(more));
    return RunConfig.forInference(words);
  }

  public int port() {
    return server.port();
  }

  public String url() {
    return "http://localhost:" + port();
  }

  /** What the server said. */
  public List<String> log() {
    synchronized (log) {
      return List.copyOf(log);
    }
  }

  /** Ends as the command does on SIGTERM. */
  public void stop() {
    server.stop(work::cancelAll);
  }

  /** Sends JSON and reads the answer's status and body. */
  public HttpResponse<String> post(String path, String body, String... headers)
      throws IOException, InterruptedException {
    HttpRequest.Builder request =
        request(path, headers)
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(body, StandardCharsets.UTF_8));
    return client.send(request.build(), HttpResponse.BodyHandlers.ofString());
  }

  public HttpResponse<String> get(String path, String... headers)
      throws IOException, InterruptedException {
    return client.send(request(path, headers).build(), HttpResponse.BodyHandlers.ofString());
  }

  public HttpResponse<String> send(String method, String path, String... headers)
      throws IOException, InterruptedException {
    HttpRequest request =
        request(path, headers).method(method, HttpRequest.BodyPublishers.noBody()).build();
    return client.send(request, HttpResponse.BodyHandlers.ofString());
  }

  private HttpRequest.Builder request(String path, String... headers) {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create(url() + path)).timeout(Duration.ofSeconds(30));
    if (headers.length > 0) {
      request.headers(headers);
    }
    return request;
  }

  /** The JSON of an answer. */
  public static JsonNode json(HttpResponse<String> response) throws IOException {
    return JSON.readTree(response.body());
  }

  @Override
  public void close() {
    server.close();
    client.close();
  }
}
