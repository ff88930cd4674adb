package llmengine.nn;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import llmengine.engine.AttentionShape;
import llmengine.engine.Backend;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.ShapeException;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;
import llmengine.nn.generate.KvCache;
import llmengine.nn.model.DecoderSpec;
import llmengine.nn.model.RopeSpec;

/**
 * A decoder-only language model: embedding, blocks, final norm and output projection, with Hugging
 * Face weight names. Owns its weights; {@link #close} gives their memory back.
 */
public final class Decoder implements AutoCloseable {
  private final DecoderSpec spec;
  private final Scope scope;
  private final Map<String, Parameter> parameters = new LinkedHashMap<>();
  private final Map<String, Linear> linears = new LinkedHashMap<>();
  private final Map<RopeSpec, Rope> ropes = new LinkedHashMap<>();
  private final TokenEmbedding embedding;
  private final List<TransformerBlock> blocks = new ArrayList<>();
  private final RmsNorm norm;
  private final Linear output;
  private final List<Runnable> closing = new ArrayList<>();
  private boolean checkpointing;
  private long keep; // bytes of activations kept although checkpointing

  public Decoder(Backend backend, DecoderSpec spec, WeightSource weights) {
    this.spec = spec;
    this.scope = new Scope(backend, "weights");
    boolean whole = false;
    try {
      Parameter table = parameter(weights, "model.embed_tokens.weight", spec.vocab(), spec.width());
      embedding = new TokenEmbedding("model.embed_tokens", table, spec.embeddingScale());
      for (int l = 0; l < spec.layers().size(); l++) {
        blocks.add(block(weights, l));
      }
      norm = norm(weights, "model.norm", spec.width());
      output =
          spec.tied()
              ? new Linear("lm_head", table, null)
              : linear(weights, "lm_head", spec.vocab(), spec.width(), false);
      linears.remove("lm_head");
      whole = true;
    } finally {
      if (!whole) {
        scope.close(); // a missing or misshapen weight must not leak those before it
      }
    }
  }

  private Parameter parameter(WeightSource weights, String name, int... shape) {
    Tensor t = weights.load(scope, name, shape);
    if (shape.length == 1 && t.dtype() != DType.F32) { // vectors are small: kernels expect float32
      Tensor wide = scope.empty(DType.F32, shape);
      scope.backend().copy(t, wide);
      t = wide;
    }
    Parameter p = new Parameter(name, t);
    parameters.put(name, p);
    return p;
  }

  private Linear linear(WeightSource weights, String name, int out, int in, boolean bias) {
    Parameter w = parameter(weights, name + ".weight", out, in);
    Parameter b = bias ? parameter(weights, name + ".bias", out) : null;
    Linear linear = new Linear(name, w, b);
    linears.put(name, linear);
    return linear;
  }

  private RmsNorm norm(WeightSource weights, String name, int width) {
    return new RmsNorm(
        parameter(weights, name + ".weight", width), spec.normOffset(), spec.normEps());
  }

  private TransformerBlock block(WeightSource weights, int l) {
    String at = "model.layers." + l + ".";
    boolean sandwich = spec.sandwichNorms();
    SelfAttention attention = attention(weights, l, at + "self_attn.");
    FeedForward feedForward = feedForward(weights, at + "mlp.");
    RmsNorm input = norm(weights, at + "input_layernorm", spec.width());
    RmsNorm second = norm(weights, at + "post_attention_layernorm", spec.width());
    if (!sandwich) {
      return new TransformerBlock(attention, feedForward, input, null, second, null);
    }
    return new TransformerBlock(
        attention,
        feedForward,
        input,
        second,
        norm(weights, at + "pre_feedforward_layernorm", spec.width()),
        norm(weights, at + "post_feedforward_layernorm", spec.width()));
  }

  private SelfAttention attention(WeightSource weights, int l, String at) {
    int c = spec.width();
    int q = spec.heads() * spec.headDim();
    int kv = spec.kvHeads() * spec.headDim();
    boolean bias = spec.qkvBias();
    List<Linear> projections =
        spec.fusedProjections()
            ? List.of(linear(weights, at + "qkv_proj", q + 2 * kv, c, bias))
            : List.of(
                linear(weights, at + "q_proj", q, c, bias),
                linear(weights, at + "k_proj", kv, c, bias),
                linear(weights, at + "v_proj", kv, c, bias));
    DecoderSpec.Layer layer = spec.layers().get(l);
    return new SelfAttention(
        l,
        projections,
        linear(weights, at + "o_proj", c, q, spec.outputBias()),
        spec.qkNorm() ? norm(weights, at + "q_norm", spec.headDim()) : null,
        spec.qkNorm() ? norm(weights, at + "k_norm", spec.headDim()) : null,
        ropes.computeIfAbsent(layer.rope(), r -> new Rope(r, spec.headDim(), scope)),
        new AttentionShape(
            spec.heads(),
            spec.kvHeads(),
            spec.headDim(),
            spec.attentionScale(),
            layer.window(),
            spec.attentionSoftcap()));
  }

  private FeedForward feedForward(WeightSource weights, String at) {
    int c = spec.width();
    int f = spec.feedForward();
    boolean bias = spec.mlpBias();
    List<Linear> inputs =
        spec.fusedProjections()
            ? List.of(linear(weights, at + "gate_up_proj", 2 * f, c, bias))
            : List.of(
                linear(weights, at + "gate_proj", f, c, bias),
                linear(weights, at + "up_proj", f, c, bias));
    return new FeedForward(
        spec.activation(), inputs, linear(weights, at + "down_proj", c, f, bias));
  }

  /**
   * What the first block reads: (M, C). Prepares for the batch's positions.
   *
   * @throws ShapeException if an id is outside the vocabulary
   */
  public Tensor embed(Tape tape, Batch batch) {
    if (batch.maxId() < 0 || batch.maxId() >= spec.vocab()) {
      throw new ShapeException(
          "model: token id outside the vocabulary: expected 0 to "
              + (spec.vocab() - 1)
              + ", got "
              + batch.maxId()
              + ". Do tokenizer and checkpoint belong together?");
    }
    ropes.values().forEach(r -> r.ensure(batch.maxPosition() + 1));
    return embedding.forward(tape, batch.ids());
  }

  /** The halves of a block, for what looks at a model layer by layer. */
  public List<Sublayer> sublayers(int layer) {
    return blocks.get(layer).halves();
  }

  /**
   * Final hidden states (M, C), normed: what the output projection reads.
   *
   * @throws ShapeException if an id is outside the vocabulary
   */
  public Tensor hidden(Tape tape, Batch batch) {
    return hidden(tape, batch, Optional.empty());
  }

  /** The same with noise on the embeddings. */
  public Tensor hidden(Tape tape, Batch batch, Optional<EmbeddingNoise> noise) {
    tape.enter("model");
    Tensor x = embed(tape, batch);
    if (noise.isPresent()) { // no op's derivative needs the values without it
      EmbeddingNoise n = noise.get();
      backend().addNoise(x, n.magnitude() * spec.embeddingScale(), n.key(), n.rowKeys());
    }
    for (int l = 0; l < blocks.size(); l++) {
      TransformerBlock block = blocks.get(l);
      tape.enter("layers." + l);
      x =
          checkpointing
              ? tape.checkpoint("block", x, keep, (t, in) -> block.forward(t, in, batch))
              : block.forward(tape, x, batch);
      tape.exit();
    }
    Tensor out = norm(tape, x);
    tape.exit();
    return out;
  }

  /** The norm after the last block: from its result to {@link #hidden}. */
  public Tensor norm(Tape tape, Tensor x) {
    return norm.forward(tape, x);
  }

  /**
   * Logits (M, V) of hidden states (M, C); for training see {@link CausalLoss}, which never holds
   * them all.
   */
  public Tensor logits(Tape tape, Tensor hidden) {
    tape.enter("lm_head");
    Tensor logits = output.forward(tape, hidden);
    tape.exit();
    if (spec.finalSoftcap() > 0) {
      tape.backend().softcap(logits, spec.finalSoftcap());
    }
    return logits;
  }

  /** An empty cache for keys and values, which grows with its sequences. */
  public KvCache cache() {
    return KvCache.growing(backend(), spec.layers().size(), spec.kvHeads() * spec.headDim());
  }

  /** An empty cache of at most so many bytes, which it takes at once. */
  public KvCache cache(long bytes) {
    return KvCache.bounded(backend(), spec.layers().size(), spec.kvHeads() * spec.headDim(), bytes);
  }

  /**
   * Prepares for positions below {@code length} for good. A dynamic scaling of the rotary embedding
   * is from now on that of this length, so that a sequence's results don't depend on how long
   * others are.
   */
  public void fixContext(int length) {
    ropes.values().forEach(r -> r.fix(length));
  }

  /** Recompute activations in the backward pass instead of keeping them. */
  public void checkpointing(boolean on) {
    checkpointing(on, 0);
  }

  /**
   * The same, except for so many bytes of activations that are kept as long as they last.
   *
   * @param keep bytes of one pass
   */
  public void checkpointing(boolean on, long keep) {
    checkpointing = on;
    this.keep = keep;
  }

  public DecoderSpec spec() {
    return spec;
  }

  public Backend backend() {
    return scope.backend();
  }

  /** The scope that owns the weights. */
  public Scope scope() {
    return scope;
  }

  /**
   * All weights by name, in the order of the layers; a tied output projection is not listed twice.
   */
  public Map<String, Parameter> parameters() {
    return java.util.Collections.unmodifiableMap(parameters);
  }

  /** Lists a parameter that was not in the checkpoint (a separate copy of a tied layer). */
  public void addParameter(Parameter p) {
    parameters.put(p.name(), p);
  }

  /** The linear layers of the blocks by module name; the output projection is {@link #output}. */
  public Map<String, Linear> linears() {
    return java.util.Collections.unmodifiableMap(linears);
  }

  public TokenEmbedding embedding() {
    return embedding;
  }

  /** {@code lm_head}. */
  public Linear output() {
    return output;
  }

  /** Does something before the model closes, e.g. closes an adapter that stays on it. */
  public void beforeClose(Runnable step) {
    closing.add(step);
  }

  @Override
  public void close() {
    closing.forEach(Runnable::run);
    closing.clear();
    scope.close();
  }
}
