package llmengine.data.template;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import llmengine.data.DataException;
import llmengine.data.template.jinja.JinjaTemplate;
import llmengine.data.template.tool.PythonJson;
import llmengine.data.tokenizer.HuggingFaceTokenizer;

/**
 * The checkpoint's own {@code chat_template}, rendered as transformers' apply_chat_template does.
 * Special tokens that the text spells out become their ids, and none is added: the template writes
 * bos where the model wants it.
 */
public final class CheckpointFormat implements ChatFormat {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** What templates call a message's thought; the first that the template reads is given. */
  private static final Pattern THOUGHT =
      Pattern.compile("\\breasoning_content\\b|(?<=message[.]|\\[['\"])(?:reasoning|thinking)\\b");

  /** Variables that are the chat itself. */
  private static final Set<String> OF_THE_CHAT = Set.of("messages", "tools");

  private static final String PROBE = "answer-7f3a";

  private final JinjaTemplate template;
  private final Optional<JinjaTemplate> withTools;
  private final HuggingFaceTokenizer tokenizer;
  private final Map<String, Object> settings;
  private final Optional<String> defaultSystem;
  private final Set<Integer> stopIds;

  private CheckpointFormat(
      JinjaTemplate template,
      Optional<JinjaTemplate> withTools,
      HuggingFaceTokenizer tokenizer,
      Map<String, Object> settings,
      Optional<String> defaultSystem,
      Collection<Integer> ends) {
    this.template = template;
    this.withTools = withTools;
    this.tokenizer = tokenizer;
    this.settings = settings;
    this.defaultSystem = defaultSystem;
    Set<Integer> ids = new LinkedHashSet<>();
    tokenizer.eosId().ifPresent(ids::add);
    ids.addAll(ends);
    turnEnd().ifPresent(ids::add);
    this.stopIds = Collections.unmodifiableSet(ids);
  }

  /**
   * The format of a tokenizer that has a chat_template; a {@link DataException} if it can't be
   * parsed.
   *
   * @param settings variables for every chat that doesn't set them itself, such as {@code
   *     enable_thinking}; one that no template reads is a {@link DataException}
   * @param defaultSystem system text of chats that have none
   * @param ends ids that end an answer by the checkpoint's configuration
   */
  public static CheckpointFormat of(
      HuggingFaceTokenizer tokenizer,
      Map<String, Object> settings,
      Optional<String> defaultSystem,
      Collection<Integer> ends) {
    Map<String, String> templates = tokenizer.chatTemplates();
    String source = templates.get("default");
    if (source == null) {
      throw new DataException(
          "chat_template: none named default: expected one, got "
              + (templates.isEmpty() ? "none" : String.join(", ", templates.keySet()))
              + ". Set template to the name of a template.");
    }
    JinjaTemplate template = JinjaTemplate.parse("chat_template", source);
    Optional<JinjaTemplate> withTools =
        Optional.ofNullable(templates.get("tool_use"))
            .map(text -> JinjaTemplate.parse("chat_template tool_use", text));
    for (String name : settings.keySet()) {
      if (!reads(template, name) && !withTools.filter(t -> reads(t, name)).isPresent()) {
        throw new DataException(
            name + ": the checkpoint's chat_template does not read it. Leave it out.");
      }
    }
    return new CheckpointFormat(
        template,
        withTools,
        tokenizer,
        Collections.unmodifiableMap(new LinkedHashMap<>(settings)),
        defaultSystem,
        ends);
  }

  @Override
  public String name() {
    return "chat_template of the checkpoint";
  }

  /** The template's Jinja source. */
  public String source() {
    return template.source();
  }

  @Override
  public Optional<String> jinja() {
    return Optional.of(source());
  }

  @Override
  public int[] prompt(Chat chat) {
    return tokenizer.encode(text(chat));
  }

  @Override
  public Set<Integer> stopIds() {
    return stopIds;
  }

  /** The prompt as text. */
  public String text(Chat chat) {
    List<Object> tools = tools(chat.tools());
    JinjaTemplate used = tools == null ? template : withTools.orElse(template);
    if (tools != null && !reads(used, "tools")) {
      throw new DataException(
          "tools: the checkpoint's chat_template has no place for tools: expected none, got "
              + tools.size()
              + ". Leave them out, or set template to one that describes tools.");
    }
    Map<String, Object> variables = new LinkedHashMap<>(tokenizer.specialTokens());
    variables.put("tools", tools);
    variables.put("documents", null);
    variables.put("add_generation_prompt", true);
    variables.putAll(settings);
    for (Map.Entry<String, Object> argument : chat.arguments().entrySet()) {
      if (OF_THE_CHAT.contains(argument.getKey())) {
        throw new DataException(
            "chat_template_kwargs: "
                + argument.getKey()
                + " stands beside chat_template_kwargs, not in it. Move it out.");
      }
      if (!reads(used, argument.getKey())) {
        throw new DataException(
            "chat_template_kwargs: the checkpoint's chat_template does not read "
                + argument.getKey()
                + ". Leave it out.");
      }
      variables.put(argument.getKey(), argument.getValue());
    }
    variables.put("messages", messages(chat.messages(), used));
    return used.render(variables);
  }

  private static boolean reads(JinjaTemplate template, String name) {
    return Pattern.compile("\\b" + Pattern.quote(name) + "\\b").matcher(template.source()).find();
  }

  private static List<Object> tools(String json) {
    if (json.isEmpty()) {
      return null;
    }
    JsonNode list = PythonJson.parse("tools", json);
    if (!list.isArray()) {
      throw new DataException("tools: not a list: expected [{\"type\": \"function\", ...}].");
    }
    return list.isEmpty() ? null : JSON.convertValue(list, new TypeReference<>() {});
  }

  private List<Object> messages(List<ChatMessage> given, JinjaTemplate used) {
    List<Object> messages = new ArrayList<>();
    boolean system = !given.isEmpty() && isSystem(given.getFirst());
    if (!system && defaultSystem.isPresent()) {
      messages.add(Map.of("role", "system", "content", defaultSystem.get()));
    }
    Matcher thought = THOUGHT.matcher(used.source());
    String thoughtKey = thought.find() ? thought.group() : "reasoning_content";
    boolean knowsDeveloper = reads(used, "developer");
    for (ChatMessage message : given) {
      Map<String, Object> map = new LinkedHashMap<>();
      boolean renamed = message.role().equals("developer") && !knowsDeveloper;
      map.put("role", renamed ? "system" : message.role());
      // None would be printed as such by most templates
      map.put("content", message.content() == null ? "" : message.content());
      if (message.reasoning() != null) {
        map.put(thoughtKey, message.reasoning());
      }
      if (!message.toolCalls().isEmpty()) {
        map.put("tool_calls", message.toolCalls().stream().map(CheckpointFormat::call).toList());
      }
      if (message.toolCallId() != null) {
        map.put("tool_call_id", message.toolCallId());
      }
      if (message.name() != null) {
        map.put("name", message.name());
      }
      messages.add(map);
    }
    return messages;
  }

  private static boolean isSystem(ChatMessage message) {
    return message.role().equals("system") || message.role().equals("developer");
  }

  /** Templates take arguments as a dict, where chat requests have them as JSON text. */
  private static Map<String, Object> call(ToolCall call) {
    JsonNode arguments = PythonJson.parse("arguments of " + call.name(), call.arguments());
    Map<String, Object> function = new LinkedHashMap<>();
    function.put("name", call.name());
    function.put(
        "arguments",
        arguments.isObject() ? JSON.convertValue(arguments, Object.class) : call.arguments());
    Map<String, Object> map = new LinkedHashMap<>();
    if (!call.id().isEmpty()) {
      map.put("id", call.id());
    }
    map.put("type", "function");
    map.put("function", function);
    return map;
  }

  /** The special token that the template writes behind an answer: it ends one, whatever eos is. */
  private Optional<Integer> turnEnd() {
    String text;
    try {
      Map<String, Object> variables = new LinkedHashMap<>(tokenizer.specialTokens());
      variables.put("tools", null);
      variables.put("documents", null);
      variables.put("add_generation_prompt", false);
      variables.put(
          "messages",
          List.of(
              Map.of("role", "user", "content", "question"),
              Map.of("role", "assistant", "content", PROBE)));
      text = template.render(variables);
    } catch (DataException refused) {
      return Optional.empty(); // a template for other messages: eos and the configuration remain
    }
    int end = text.lastIndexOf(PROBE);
    if (end < 0) {
      return Optional.empty();
    }
    int[] ids = tokenizer.encode(text.substring(end + PROBE.length()).stripLeading());
    return ids.length > 0 && tokenizer.isSpecial(ids[0]) ? Optional.of(ids[0]) : Optional.empty();
  }
}
