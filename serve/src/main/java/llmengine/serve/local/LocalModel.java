package llmengine.serve.local;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Consumer;
import llmengine.data.Tokenizer;
import llmengine.data.template.Chat;
import llmengine.data.template.ChatFormat;
import llmengine.data.template.ChatMessage;
import llmengine.engine.DeviceException;
import llmengine.nn.generate.PromptTooLongException;
import llmengine.nn.generate.SamplingOptions;
import llmengine.serve.OpenModel;
import llmengine.serve.chat.AnswerFormat;
import llmengine.serve.chat.AnswerParser;
import llmengine.serve.chat.CallSyntax;
import llmengine.serve.grammar.GrammarException;
import llmengine.serve.grammar.Grammars;
import llmengine.serve.schedule.Generations;
import llmengine.serve.schedule.Representations.Pooling;
import llmengine.train.chat.Sampling;
import llmengine.train.config.ConfigException;
import llmengine.train.config.GeneratingArguments;
import llmengine.train.config.RunConfig;

/**
 * A model in this process, asked by any number of threads at once: their answers are computed side
 * by side, as a server's are, and do not depend on each other.
 *
 * <pre>{@code
 * try (var model = LocalModel.open("models/SmolLM2-135M-Instruct", Map.of("template", "smollm2"))) {
 *   model.chat(List.of(user("Why is the sky blue?")), System.out::print);
 * }
 * }</pre>
 *
 * <p>The JVM needs the flags {@code --add-modules=jdk.incubator.vector
 * --enable-native-access=ALL-UNNAMED}. Weights are mapped from the files or lie off-heap; {@link
 * #close} gives the memory back.
 */
public final class LocalModel implements AutoCloseable {
  /** Of a text that is gone on with: all of it is content. */
  static final AnswerFormat PLAIN = new AnswerFormat(Optional.empty(), CallSyntax.NONE);

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String VECTOR = "jdk.incubator.vector";

  private final String name;
  private final Tokenizer tokenizer;
  private final ChatFormat format;
  private final GeneratingArguments defaults;
  private final OpenModel open;
  private final Grammars grammars;
  private final AnswerFormat answerFormat;
  private boolean closed;

  private LocalModel(RunConfig config) {
    name = config.model().modelNameOrPath();
    defaults = config.generating();
    open = new OpenModel(config, name, config.serve().apiMaxConcurrent());
    tokenizer = open.session().tokenizer();
    format = open.session().chatFormat();
    answerFormat = AnswerFormat.of(format);
    grammars = new Grammars(tokenizer, format.stopIds());
  }

  /**
   * Opens a model.
   *
   * @param modelNameOrPath a Hugging Face folder, a .gguf file, or a name in the local cache
   * @param settings further keys of docs/config.md that the command {@code chat} takes, such as
   *     {@code template}, {@code adapter_name_or_path}, {@code infer_dtype}, {@code temperature}
   * @throws ConfigException with every key that is unknown or does not hold
   * @throws DeviceException if the JVM was started without the Vector API
   */
  public static LocalModel open(String modelNameOrPath, Map<String, ?> settings) {
    requireVectors();
    List<String> words = new ArrayList<>();
    words.add("model_name_or_path=" + modelNameOrPath);
    settings.forEach((key, value) -> words.add(key + "=" + value));
    return open(RunConfig.forInference(words));
  }

  /** Opens the model of a configuration, as {@link #open(String, Map)}. */
  public static LocalModel open(RunConfig config) {
    requireVectors();
    return new LocalModel(config);
  }

  /** Says what is missing before a class that needs it fails to load. */
  private static void requireVectors() {
    if (ModuleLayer.boot().findModule(VECTOR).isEmpty()) {
      throw new DeviceException(
          "LocalModel: no Vector API: expected a JVM with the module "
              + VECTOR
              + ", got one without. Start it as java --add-modules="
              + VECTOR
              + " --enable-native-access=ALL-UNNAMED ...");
    }
  }

  /** A user's message. */
  public static ChatMessage user(String text) {
    return ChatMessage.of("user", text);
  }

  /** A message of the model. */
  public static ChatMessage assistant(String text) {
    return ChatMessage.of("assistant", text);
  }

  /** A message that says how to behave; in front of all others. */
  public static ChatMessage system(String text) {
    return ChatMessage.of("system", text);
  }

  /** The model's name. */
  public String name() {
    return name;
  }

  /** Names that {@link Ask#model} takes: the model, first, and adapters beside it. */
  public List<String> models() {
    return open.scheduler().models();
  }

  /** Tokens that prompt and answer may have in all. */
  public int context() {
    return open.scheduler().context();
  }

  /** Tokens of a text alone, without those of a template. */
  public int tokens(String text) {
    return tokenizer.encode(text).length;
  }

  /** The answer to messages, the last of which is the user's. */
  public Answer chat(List<ChatMessage> messages) {
    return ask(messages).answer();
  }

  /**
   * As {@link #chat(List)}.
   *
   * @param onText told of each piece as it comes, on the calling thread
   */
  public Answer chat(List<ChatMessage> messages, Consumer<String> onText) {
    return ask(messages).onText(onText).answer();
  }

  /** A question in the making: {@code model.ask(messages).temperature(0).answer()}. */
  public Ask ask(List<ChatMessage> messages) {
    return new Ask(this, null, messages);
  }

  /** A text to go on with, without a template. */
  public Ask complete(String text) {
    return new Ask(this, tokenizer.encodeText(text), List.of());
  }

  /**
   * The embedding (C) of a text, of length 1: the mean of the final hidden states of its tokens.
   *
   * @throws PromptTooLongException if the text is longer than the context
   */
  public float[] embed(String text) {
    return embed(text, Pooling.MEAN);
  }

  /** The embedding (C) of a text, of length 1. */
  public float[] embed(String text, Pooling pooling) {
    try {
      return open.scheduler().embed(name, tokenizer.encodeText(text), pooling, true, "").join();
    } catch (CompletionException e) {
      throw e.getCause() instanceof RuntimeException problem ? problem : e;
    }
  }

  int[] prompt(Chat chat) {
    return format.prompt(chat);
  }

  /** The configured way to choose tokens, with a seed of its own unless one is configured. */
  SamplingOptions.Builder options() {
    long seed =
        defaults
            .samplingSeed()
            .map(Integer::longValue)
            .orElseGet(() -> ThreadLocalRandom.current().nextLong());
    return Sampling.options(defaults, format.stopIds(), seed).with();
  }

  List<String> stop() {
    return defaults.stop();
  }

  AnswerFormat answerFormat() {
    return answerFormat;
  }

  AnswerParser parser(AnswerFormat form, String tools, int[] prompt) {
    return AnswerParser.of(
        form,
        tools.isEmpty() ? JSON.createArrayNode() : json(tools),
        form.opensThought(prompt, tokenizer));
  }

  /** Constraints on the answer to a prompt, behind its thought if there is one. */
  Grammars grammars(AnswerFormat form, int[] prompt) {
    return grammars.afterThought(form.thought(), form.opensThought(prompt, tokenizer));
  }

  /** Special tokens are no text, except those that the parser looks for. */
  AnswerQueue queue(AnswerFormat form, Set<Integer> stopIds, List<String> stop) {
    boolean skips = defaults.skipSpecialTokens();
    return new AnswerQueue(
        tokenizer,
        id ->
            stopIds.contains(id)
                || skips && tokenizer.isSpecial(id) && !form.keeps(tokenizer.tokenOf(id)),
        stop);
  }

  Grammars grammars() {
    return grammars;
  }

  static JsonNode json(String text) {
    try {
      return JSON.readTree(text);
    } catch (JsonProcessingException e) {
      throw new GrammarException(
          "LocalModel: schema or tools: expected JSON: " + e.getOriginalMessage());
    }
  }

  Generations generations() {
    return open.scheduler();
  }

  /** Ends the answers under way where they are, and gives all memory back. */
  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      open.close();
    }
  }
}
