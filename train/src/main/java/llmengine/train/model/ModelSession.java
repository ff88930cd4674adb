package llmengine.train.model;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import llmengine.data.DataException;
import llmengine.data.template.ChatFormat;
import llmengine.data.template.ChatTemplate;
import llmengine.data.template.CheckpointFormat;
import llmengine.data.template.Thinking;
import llmengine.data.tokenizer.GgufTokenizer;
import llmengine.data.tokenizer.HuggingFaceTokenizer;
import llmengine.engine.Backend;
import llmengine.engine.DType;
import llmengine.engine.Tensor;
import llmengine.nn.Decoder;
import llmengine.nn.Parameter;
import llmengine.nn.load.GrownVocabulary;
import llmengine.nn.load.Pretrained;
import llmengine.nn.model.DecoderSpec;
import llmengine.quant.WeightQuantizer;
import llmengine.quant.WeightQuantizers;
import llmengine.train.TrainException;
import llmengine.train.config.ConfigException;
import llmengine.train.config.DataArguments;
import llmengine.train.config.FinetuningArguments.Stage;
import llmengine.train.config.ModelArguments;
import llmengine.train.config.QuantizationArguments;
import llmengine.train.config.RunConfig;
import llmengine.train.config.VocabularyArguments;

/**
 * An opened checkpoint: its files, its tokenizer with the template's special tokens, and the
 * template.
 */
public final class ModelSession implements AutoCloseable {
  /** Rows of a grown table are a multiple of this. */
  private static final int VOCAB_MULTIPLE = 64;

  private final RunConfig config;
  private final Pretrained files;
  private final ChatTemplate template;
  private final HuggingFaceTokenizer tokenizer;
  private final ChatFormat format;
  private final List<Pretrained> others = new ArrayList<>();

  private ModelSession(
      RunConfig config, Pretrained files, ChatTemplate template, HuggingFaceTokenizer tokenizer) {
    this.config = config;
    this.files = files;
    this.template = template;
    this.tokenizer = tokenizer;
    this.format = usesOwnTemplate() ? ownFormat() : ChatFormat.of(template, tokenizer);
  }

  /** Opens what model_name_or_path and template name; weights are not read yet. */
  public static ModelSession open(RunConfig config) {
    Path path = config.modelPath();
    Pretrained files = Pretrained.open(path);
    try {
      HuggingFaceTokenizer raw =
          files
              .ggufMetadata()
              .map(metadata -> GgufTokenizer.fromMetadata(path.toString(), metadata))
              .orElseGet(() -> HuggingFaceTokenizer.load(path));
      HuggingFaceTokenizer grown =
          raw.withTokens(
              config.vocabulary().addTokens(), List.copyOf(config.newSpecialTokens().keySet()));
      ChatTemplate template = template(config, grown);
      HuggingFaceTokenizer fixed = (HuggingFaceTokenizer) template.fixSpecialTokens(grown);
      if (fixed.chatTemplate().isEmpty() || template.replacesJinjaTemplate()) {
        fixed = fixed.withChatTemplate(template.jinjaTemplate(fixed));
      }
      return new ModelSession(config, files, template, fixed);
    } catch (RuntimeException bad) {
      files.close();
      throw bad;
    }
  }

  private static ChatTemplate template(RunConfig config, HuggingFaceTokenizer tokenizer) {
    DataArguments data = config.data();
    if (data.template().isEmpty()
        && tokenizer.chatTemplate().isPresent()
        && config.command() == RunConfig.Command.TRAIN
        && config.finetuning().stage() != Stage.PT) {
      throw bad(
          "template: missing: expected the name of a chat template, got none. The checkpoint's own"
              + " chat_template serves chat, but does not say which tokens of a conversation are"
              + " to be learned. Set template to the one the"
              + " model was trained with, such as chatml, llama3 or qwen3; there are "
              + ChatTemplate.names().size()
              + " names, those of LLaMA-Factory.");
    }
    ChatTemplate t;
    try {
      t = ChatTemplate.named(data.template().orElse("empty"));
      if (data.toolFormat().isPresent()) {
        t = t.withToolFormat(data.toolFormat().get());
      }
    } catch (DataException unknownName) {
      throw bad(unknownName.getMessage());
    }
    if (data.defaultSystem().isPresent()) {
      t = t.withDefaultSystem(data.defaultSystem().get());
    }
    return t.withThinking(Thinking.of(data.enableThinking().orElse(null)))
        .withPreservedThinking(data.preserveThinking());
  }

  private static ConfigException bad(String problem) {
    return new ConfigException(List.of(problem));
  }

  public Pretrained files() {
    return files;
  }

  public HuggingFaceTokenizer tokenizer() {
    return tokenizer;
  }

  public ChatTemplate template() {
    return template;
  }

  /**
   * How the model is asked in chat and serving: by the template that was named, else by the
   * checkpoint's own chat_template if it has one.
   */
  public ChatFormat chatFormat() {
    return format;
  }

  /** Whether no template was named and the checkpoint's own chat_template serves. */
  public boolean usesOwnTemplate() {
    return config.command() != RunConfig.Command.TRAIN
        && config.data().template().isEmpty()
        && tokenizer.chatTemplate().isPresent();
  }

  private ChatFormat ownFormat() {
    DataArguments data = config.data();
    for (String key : new String[] {"tool_format", "preserve_thinking"}) {
      if (config.isGiven(key)) {
        throw bad(
            key
                + ": has no meaning without template: expected the name of a template beside it,"
                + " got none, so that the checkpoint's own chat_template is used. Set template, or"
                + " leave "
                + key
                + " out.");
      }
    }
    Map<String, Object> settings = new TreeMap<>();
    if (config.isGiven("enable_thinking")) {
      data.enableThinking().ifPresent(value -> settings.put("enable_thinking", value));
    }
    Set<Integer> ends = new LinkedHashSet<>(files.config().ids("eos_token_id"));
    JsonNode generation = files.generationConfig().path("eos_token_id");
    if (generation.isInt()) {
      ends.add(generation.asInt());
    }
    generation.forEach(id -> ends.add(id.asInt()));
    Map<String, Object> metadata = files.ggufMetadata().orElse(Map.of());
    for (String key : new String[] {"tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"}) {
      if (metadata.get(key) instanceof Number id) {
        ends.add(id.intValue());
      }
    }
    return CheckpointFormat.of(tokenizer, settings, data.defaultSystem(), ends);
  }

  /** The model's specification with rope_scaling and resize_vocab applied. */
  public DecoderSpec spec() {
    DecoderSpec spec = files.spec();
    if (config.resizesVocabulary() && tokenizer.vocabSize() > spec.vocab()) {
      spec = spec.withVocab(Math.ceilDiv(tokenizer.vocabSize(), VOCAB_MULTIPLE) * VOCAB_MULTIPLE);
    }
    Optional<ModelArguments.RopeScaling> scaling = config.model().ropeScaling();
    if (scaling.isEmpty()) {
      return spec;
    }
    return config.command() == RunConfig.Command.TRAIN
        ? RopeStretch.forTraining(spec, scaling.get(), config.data().cutoffLen())
        : RopeStretch.stretched(spec, scaling.get(), RopeStretch.INFERENCE_FACTOR);
  }

  /** Reads the weights, or draws them for {@code train_from_scratch}. */
  public Decoder load(Backend backend) {
    DecoderSpec spec = spec();
    int known = files.spec().vocab();
    Optional<WeightQuantizer> quantizer = quantizer();
    Decoder model;
    if (config.model().trainFromScratch()) {
      model = files.fromScratch(backend, spec, config.training().seed());
    } else if (spec.vocab() > known) {
      model = new Decoder(backend, spec, new GrownVocabulary(files.weights(), known, newRows()));
    } else if (quantizer.isPresent()) {
      model = files.load(backend, spec, quantizer.get(), halfType());
    } else {
      model = files.load(backend, spec);
    }
    if (tokenizer.vocabSize() > model.spec().vocab()) {
      model.close();
      throw new TrainException(
          files.path()
              + ": the tokenizer has more tokens than the model: expected at most "
              + model.spec().vocab()
              + ", got "
              + tokenizer.vocabSize()
              + " (template "
              + template.name()
              + "). Set resize_vocab: true, or choose a template whose tokens the checkpoint"
              + " knows.");
    }
    return model;
  }

  private NewTokenRows newRows() {
    Map<Integer, int[]> descriptions = new TreeMap<>();
    if (config.vocabulary().initSpecialTokens() != VocabularyArguments.Start.NOISE_INIT) {
      config
          .newSpecialTokens()
          .forEach(
              (token, text) ->
                  descriptions.put(tokenizer.idOf(token).orElseThrow(), tokenizer.encode(text)));
    }
    return new NewTokenRows(
        descriptions,
        config.vocabulary().initSpecialTokens() != VocabularyArguments.Start.DESC_INIT,
        config.training().seed());
  }

  /** What packs the weights while they are read: {@code quantization_bit} and the keys to it. */
  public Optional<WeightQuantizer> quantizer() {
    return isQuantized()
        ? Optional.empty()
        : config.quantization().quantizationBit().map(this::quantizer);
  }

  private WeightQuantizer quantizer(int bits) {
    QuantizationArguments q = config.quantization();
    return WeightQuantizers.of(
        q.quantizationMethod().key(), bits, q.quantizationType().key(), q.doubleQuantization());
  }

  /**
   * The weights of another checkpoint, which stays open as long as this; packed in this many bits
   * if any.
   */
  public Decoder loadOther(Backend backend, Path path, Optional<Integer> bits) {
    Pretrained other = Pretrained.open(path);
    others.add(other);
    return bits.map(this::quantizer)
        .map(q -> other.load(backend, other.spec(), q, halfType()))
        .orElseGet(() -> other.load(backend, other.spec()));
  }

  /** Whether the checkpoint itself is quantized; {@code quantization_bit} has no effect then. */
  public boolean isQuantized() {
    return files.config().json().has("quantization_config");
  }

  /** The type that weights are rounded to before they are packed; F32 for none. */
  private DType halfType() {
    if (config.training().bf16()) {
      return DType.BF16;
    }
    return switch (config.model().inferDtype()) {
      case FLOAT16 -> DType.F16;
      case BFLOAT16 -> DType.BF16;
      case FLOAT32, AUTO -> DType.F32;
    };
  }

  /** Stores the matrices that stay frozen in bf16: half the memory, arithmetic stays float32. */
  public static void frozenToBf16(Decoder model) {
    for (Parameter p : model.parameters().values()) {
      if (!p.isTrainable() && p.value().shape().rank() == 2 && p.value().dtype() == DType.F32) {
        Tensor wide = p.value();
        Tensor half = model.scope().empty(DType.BF16, wide.shape().dims());
        model.backend().copy(wide, half);
        p.value(half);
        if (wide.scope().owns(wide)) {
          wide.scope().release(wide);
        }
      }
    }
  }

  /** Names the content of the tokenizer: the key of cached tokens. */
  public String tokenizerDigest() {
    try {
      MessageDigest sha = MessageDigest.getInstance("SHA-256");
      if (files.ggufMetadata().isPresent()) {
        for (Map.Entry<String, Object> e : new TreeMap<>(files.ggufMetadata().get()).entrySet()) {
          if (e.getKey().startsWith("tokenizer.")) {
            sha.update(e.getKey().getBytes(StandardCharsets.UTF_8));
            sha.update(text(e.getValue()).getBytes(StandardCharsets.UTF_8));
          }
        }
      } else {
        for (String name : new String[] {"tokenizer.json", "tokenizer_config.json"}) {
          Path file = files.path().resolve(name);
          if (Files.isRegularFile(file)) {
            sha.update(Files.readAllBytes(file));
          }
        }
      }
      sha.update(config.vocabulary().addTokens().toString().getBytes(StandardCharsets.UTF_8));
      sha.update(config.newSpecialTokens().keySet().toString().getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(sha.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    } catch (IOException e) {
      throw new UncheckedIOException(files.path() + ": the tokenizer can't be read", e);
    }
  }

  private static String text(Object value) {
    return switch (value) {
      case long[] numbers -> java.util.Arrays.toString(numbers);
      case float[] numbers -> java.util.Arrays.toString(numbers);
      default -> value.toString();
    };
  }

  @Override
  public void close() {
    others.forEach(Pretrained::close);
    files.close();
  }
}
