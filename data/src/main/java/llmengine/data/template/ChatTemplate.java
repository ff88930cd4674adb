package llmengine.data.template;

import java.time.Clock;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.IntStream;
import llmengine.data.DataException;
import llmengine.data.Message;
import llmengine.data.Role;
import llmengine.data.Tokenizer;
import llmengine.data.template.tool.FunctionMessage;
import llmengine.data.template.tool.ToolFormat;
import llmengine.data.template.tool.WordPair;

/**
 * A chat format: turns a conversation into token ids, the same for training and serving. Messages
 * alternate between what is given (user, observation) and what the model writes (assistant,
 * function); {@code system} and {@code tools} (a JSON list) may be null or empty. Immutable and
 * safe for concurrent use; the {@code with...} methods return a changed template.
 *
 * <p>The tokenizer must have gone through {@link #fixSpecialTokens}. Every slot of a format is
 * tokenized alone.
 */
public final class ChatTemplate {
  private final TemplateDefinition definition;
  private final ToolFormat toolFormat;
  private final Thinking thinking;
  private final boolean preservesThinking;
  private final Clock clock;

  private ChatTemplate(
      TemplateDefinition definition, Thinking thinking, boolean preservesThinking, Clock clock) {
    this.definition = definition;
    this.toolFormat = ToolFormat.named(definition.toolFormat());
    this.thinking = thinking;
    this.preservesThinking = preservesThinking;
    this.clock = clock;
  }

  /** The template of this name; a {@link DataException} with the nearest names if there's none. */
  public static ChatTemplate named(String name) {
    return new ChatTemplate(
        TemplateCatalog.named(name), Thinking.LEARNED, false, Clock.systemDefaultZone());
  }

  /** Names of all templates in alphabetical order. */
  public static List<String> names() {
    return TemplateCatalog.names();
  }

  public String name() {
    return definition.name();
  }

  /** System text used when a conversation has none; empty if there's no such text. */
  public String defaultSystem() {
    return definition.defaultSystem();
  }

  /**
   * Whether answers carry no eos: whoever joins the turns appends one at the end (and can't train
   * on prompts).
   */
  public boolean efficientEos() {
    return definition.efficientEos();
  }

  /**
   * Whether the tokenizer's own {@code chat_template} is to be replaced by {@link #jinjaTemplate}.
   */
  public boolean replacesJinjaTemplate() {
    return definition.replaceJinjaTemplate();
  }

  /** Whether answers may open with a thought, so that {@link Thinking} matters. */
  public boolean reasons() {
    return definition.kind().reasons();
  }

  /** The words around a thought. */
  public WordPair thoughtWords() {
    return definition.thoughtWords();
  }

  /** Content of a function message that says something beside its calls, a JSON list. */
  String beside(String text, String calls) {
    if (definition.kind() == TemplateDefinition.Kind.LLAMA2) {
      throw new DataException(
          "messages: template "
              + name()
              + " has no place for text beside tool calls: expected content null, got text. Leave"
              + " one of the two out.");
    }
    return text + definition.callWords().open() + calls + definition.callWords().close();
  }

  /** How tools are described and calls written. */
  public ToolFormat toolFormat() {
    return toolFormat;
  }

  public ChatTemplate withDefaultSystem(String system) {
    return new ChatTemplate(
        definition.withDefaultSystem(system), thinking, preservesThinking, clock);
  }

  /** Describes tools and writes calls in another format than the template's own. */
  public ChatTemplate withToolFormat(String name) {
    return new ChatTemplate(definition.withToolFormat(name), thinking, preservesThinking, clock);
  }

  public ChatTemplate withThinking(Thinking thinking) {
    return new ChatTemplate(definition, thinking, preservesThinking, clock);
  }

  /** Whether thoughts of earlier turns stay in the prompt. */
  public ChatTemplate withPreservedThinking(boolean preserves) {
    return new ChatTemplate(definition, thinking, preserves, clock);
  }

  /** The clock for tool formats that tell the date. */
  public ChatTemplate withClock(Clock clock) {
    return new ChatTemplate(definition, thinking, preservesThinking, clock);
  }

  /**
   * Ids of each exchange of a conversation that ends with the model's turn. Every answer is meant
   * to be learned.
   */
  public List<Turn> encodeMultiturn(
      Tokenizer tokenizer, List<Message> messages, String system, String tools) {
    return encodeMultiturn(tokenizer, messages, system, tools, false);
  }

  /**
   * Ids of each exchange. With {@code lastAnswerOnly} (mask_history) earlier answers are history: a
   * reasoning template drops their thoughts, unless they are preserved, as it does when serving.
   */
  public List<Turn> encodeMultiturn(
      Tokenizer tokenizer,
      List<Message> messages,
      String system,
      String tools,
      boolean lastAnswerOnly) {
    checkAlternation(messages);
    boolean[] history = new boolean[messages.size()];
    for (int i = 1; i < messages.size() - 1; i += 2) {
      history[i] = lastAnswerOnly;
    }
    List<Message> kept = withoutUnwantedThoughts(messages, history);
    List<Turn> turns = new ArrayList<>(messages.size() / 2);
    for (int i = 0; i < kept.size(); i += 2) {
      int[] source = encode(tokenizer, kept, i, system, tools);
      int[] target = encode(tokenizer, kept, i + 1, system, tools);
      turns.add(
          history[i + 1]
              ? new Turn(source, target)
              : withThought(tokenizer, source, target, kept.get(i + 1)));
    }
    return turns;
  }

  /**
   * Ids of the whole conversation up to the last message as source, those of the last message as
   * target.
   */
  public Turn encodeOneturn(
      Tokenizer tokenizer, List<Message> messages, String system, String tools) {
    checkAlternation(messages);
    boolean[] history = new boolean[messages.size()];
    for (int i = 1; i < messages.size() - 1; i += 2) {
      history[i] = true;
    }
    List<Message> kept = withoutUnwantedThoughts(messages, history);
    int last = kept.size() - 1;
    IntStream.Builder source = IntStream.builder();
    for (int i = 0; i < last; i++) {
      IntStream.of(encode(tokenizer, kept, i, system, tools)).forEach(source::add);
    }
    int[] target = encode(tokenizer, kept, last, system, tools);
    return withThought(tokenizer, source.build().toArray(), target, kept.get(last));
  }

  /**
   * Ids after which the model writes its answer to {@code messages}, the last of which is a user's
   * or a tool's.
   */
  public int[] generationPrompt(
      Tokenizer tokenizer, List<Message> messages, String system, String tools) {
    List<Message> answered = new ArrayList<>(messages);
    answered.add(new Message(Role.ASSISTANT, ""));
    return encodeOneturn(tokenizer, answered, system, tools).source();
  }

  /** Ids that end an answer: eos, then the stop words, each once. */
  public int[] stopTokenIds(Tokenizer tokenizer) {
    Set<Integer> ids = new LinkedHashSet<>();
    tokenizer.eosId().ifPresent(ids::add);
    for (String word : definition.stopWords()) {
      ids.add(Format.idOf(tokenizer, word));
    }
    return ids.stream().mapToInt(Integer::intValue).toArray();
  }

  /** The tokenizer with the eos, pad and stop tokens that this template needs. */
  public Tokenizer fixSpecialTokens(Tokenizer tokenizer) {
    Tokenizer fixed = tokenizer;
    List<String> stopWords = definition.stopWords();
    if (definition.replaceEos()) {
      fixed = fixed.withEos(stopWords.getFirst());
      stopWords = stopWords.subList(1, stopWords.size());
    }
    if (fixed.eosId().isEmpty()) {
      fixed = fixed.withEos("<|endoftext|>");
    }
    if (fixed.padId().isEmpty()) {
      fixed = fixed.withPad(fixed.tokenOf(fixed.eosId().getAsInt()));
    }
    if (!stopWords.isEmpty()) {
      Set<String> tokens = new LinkedHashSet<>(fixed.additionalSpecialTokens());
      tokens.addAll(stopWords);
      fixed = fixed.withAdditionalSpecialTokens(List.copyOf(tokens));
    }
    return fixed;
  }

  /**
   * This template as a Jinja {@code chat_template}; a {@link DataException} if it has slots that
   * aren't text.
   */
  public String jinjaTemplate(Tokenizer tokenizer) {
    return TemplateText.jinja(definition, tokenizer);
  }

  /**
   * An Ollama Modelfile for a model in the same folder; a {@link DataException} if a slot isn't
   * text.
   */
  public String ollamaModelfile(Tokenizer tokenizer) {
    return TemplateText.modelfile(definition, tokenizer, stopTokenIds(tokenizer));
  }

  private int[] encode(
      Tokenizer tokenizer, List<Message> messages, int index, String system, String tools) {
    Message message = messages.get(index);
    IntStream.Builder ids = IntStream.builder();
    String content = message.content();
    if (index == 0) {
      definition.prefix().encode(tokenizer, "", ids);
      String given = system == null || system.isEmpty() ? definition.defaultSystem() : system;
      if (!given.isEmpty() || (tools != null && !tools.isEmpty())) {
        String text = given + toolText(tools, given.isEmpty());
        if (definition.kind() == TemplateDefinition.Kind.LLAMA2) {
          content = definition.system().text(text) + content;
        } else {
          definition.system().encode(tokenizer, text, ids);
        }
      }
    }
    switch (message.role()) {
      case USER -> definition.user().encode(tokenizer, content, ids);
      case ASSISTANT -> definition.assistant().encode(tokenizer, content, ids);
      case OBSERVATION -> definition.observation().encode(tokenizer, content, ids);
      case FUNCTION -> definition.function().encode(tokenizer, calls(content), ids);
      case SYSTEM -> throw notATurn(index, message.role());
    }
    return ids.build().toArray();
  }

  private String toolText(String tools, boolean alone) {
    if (tools == null || tools.isEmpty()) {
      return "";
    }
    String text =
        definition.tools().isEmpty()
            ? toolFormat.describe(tools, clock)
            : definition.tools().text(tools);
    return alone && definition.kind() == TemplateDefinition.Kind.TOOLS_AS_SYSTEM
        ? text.replaceFirst("^\n+", "")
        : text;
  }

  private String calls(String content) {
    // Templates of the Llama 2 mechanism take the whole content as the calls.
    boolean bare = definition.kind() == TemplateDefinition.Kind.LLAMA2;
    WordPair thoughtWords = bare ? null : definition.thoughtWords();
    return FunctionMessage.write(
        content, toolFormat, thoughtWords, bare ? null : definition.callWords());
  }

  private List<Message> withoutUnwantedThoughts(List<Message> messages, boolean[] history) {
    if (!reasons()) {
      return messages;
    }
    List<Message> kept = new ArrayList<>(messages);
    for (int i = 1; i < kept.size(); i += 2) {
      if (history[i] ? !preservesThinking : thinking == Thinking.OFF) {
        Message answer = kept.get(i);
        String content = definition.thoughtWords().removeFrom(answer.content());
        kept.set(i, new Message(answer.role(), content));
      }
    }
    return kept;
  }

  /** The turn, with an empty thought if the template reasons and the answer has none. */
  private Turn withThought(Tokenizer tokenizer, int[] source, int[] target, Message answer) {
    if (!reasons() || definition.thoughtWords().touches(answer.content())) {
      return new Turn(source, target);
    }
    WordPair words = definition.thoughtWords();
    boolean closedOnly = definition.kind() == TemplateDefinition.Kind.CLOSED_THOUGHT;
    int[] thought = tokenizer.encode(closedOnly ? words.close() : words.open() + words.close());
    return thinking == Thinking.LEARNED
        ? new Turn(source, concat(thought, target))
        : new Turn(concat(source, thought), target);
  }

  private static int[] concat(int[] head, int[] tail) {
    return IntStream.concat(IntStream.of(head), IntStream.of(tail)).toArray();
  }

  private static void checkAlternation(List<Message> messages) {
    if (messages.isEmpty() || messages.size() % 2 != 0) {
      throw new DataException(
          "conversation: incomplete: expected pairs of a given message and an answer, got "
              + messages.size()
              + " messages. Add or remove a message.");
    }
    for (int i = 0; i < messages.size(); i++) {
      Role role = messages.get(i).role();
      boolean given = role == Role.USER || role == Role.OBSERVATION;
      boolean written = role == Role.ASSISTANT || role == Role.FUNCTION;
      if (i % 2 == 0 ? !given : !written) {
        throw notATurn(i, role);
      }
    }
  }

  private static DataException notATurn(int index, Role role) {
    String expected = index % 2 == 0 ? "user or observation" : "assistant or function";
    return new DataException(
        "conversation: wrong role in message "
            + (index + 1)
            + ": expected "
            + expected
            + ", got "
            + role.name().toLowerCase(Locale.ROOT)
            + ". Messages must alternate; system text is given apart.");
  }
}
