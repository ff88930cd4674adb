package llmengine.nn.model;

import java.util.Arrays;
import java.util.List;
import llmengine.engine.Activation;

/**
 * Everything in which decoder-only families differ, as numbers and switches. A family is a function
 * from its {@code config.json} to this record.
 *
 * @param vocab V
 * @param width C
 * @param heads H
 * @param kvHeads Hkv
 * @param headDim D
 * @param feedForward F
 * @param layers one entry a layer
 * @param activation of the gate
 * @param normEps epsilon of all norms
 * @param normOffset added to norm weights (1 in Gemma)
 * @param embeddingScale factor of embeddings (sqrt(C) in Gemma)
 * @param tied output projection shares the token table
 * @param qkvBias bias of q, k, v projections
 * @param outputBias bias of the attention's output projection
 * @param mlpBias bias of the feed-forward projections
 * @param qkNorm norm of each query and key head
 * @param sandwichNorms norms after attention and feed-forward as well (Gemma 2, 3)
 * @param fusedProjections one {@code qkv_proj} and one {@code gate_up_proj} (Phi 3)
 * @param attentionScale factor of the scores
 * @param attentionSoftcap of the scores, 0 for none
 * @param finalSoftcap of the logits, 0 for none
 * @param context longest sequence the checkpoint was made for
 */
public record DecoderSpec(
    int vocab,
    int width,
    int heads,
    int kvHeads,
    int headDim,
    int feedForward,
    List<Layer> layers,
    Activation activation,
    float normEps,
    float normOffset,
    float embeddingScale,
    boolean tied,
    boolean qkvBias,
    boolean outputBias,
    boolean mlpBias,
    boolean qkNorm,
    boolean sandwichNorms,
    boolean fusedProjections,
    float attentionScale,
    float attentionSoftcap,
    float finalSoftcap,
    int context) {

  /**
   * What may change from layer to layer: the sliding window (0: sees everything) and the rotary
   * embedding.
   */
  public record Layer(int window, RopeSpec rope) {}

  /** The same model with another number of tokens. */
  public DecoderSpec withVocab(int tokens) {
    return new DecoderSpec(
        tokens,
        width,
        heads,
        kvHeads,
        headDim,
        feedForward,
        layers,
        activation,
        normEps,
        normOffset,
        embeddingScale,
        tied,
        qkvBias,
        outputBias,
        mlpBias,
        qkNorm,
        sandwichNorms,
        fusedProjections,
        attentionScale,
        attentionSoftcap,
        finalSoftcap,
        context);
  }

  /** The same model with other windows, rotary embeddings and context. */
  public DecoderSpec withLayers(List<Layer> other, int otherContext) {
    return new DecoderSpec(
        vocab,
        width,
        heads,
        kvHeads,
        headDim,
        feedForward,
        other,
        activation,
        normEps,
        normOffset,
        embeddingScale,
        tied,
        qkvBias,
        outputBias,
        mlpBias,
        qkNorm,
        sandwichNorms,
        fusedProjections,
        attentionScale,
        attentionSoftcap,
        finalSoftcap,
        otherContext);
  }

  /** The settings of plain Llama, to be changed where a family differs. */
  static Builder builder(ModelConfig config) {
    return new Builder(config);
  }

  /** Collects the differences of a family. */
  static final class Builder {
    final int vocab;
    final int width;
    final int heads;
    final int kvHeads;
    final int headDim;
    final int feedForward;
    Layer[] layers;
    Activation activation = Activation.SILU;
    float normEps;
    float normOffset;
    float embeddingScale = 1;
    boolean tied;
    boolean qkvBias;
    boolean outputBias;
    boolean mlpBias;
    boolean qkNorm;
    boolean sandwichNorms;
    boolean fusedProjections;
    float attentionScale;
    float attentionSoftcap;
    float finalSoftcap;
    int context;

    private Builder(ModelConfig config) {
      vocab = config.positiveInt("vocab_size");
      width = config.positiveInt("hidden_size");
      heads = config.positiveInt("num_attention_heads");
      kvHeads = config.intOr("num_key_value_heads", heads);
      headDim = config.intOr("head_dim", width / heads);
      feedForward = config.positiveInt("intermediate_size");
      layers = new Layer[config.positiveInt("num_hidden_layers")];
      normEps = (float) config.doubleOr("rms_norm_eps", 1e-6);
      tied = config.booleanOr("tie_word_embeddings", false);
      attentionScale = (float) (1 / Math.sqrt(headDim));
      context = config.intOr("max_position_embeddings", 2048);
      Arrays.fill(layers, new Layer(0, config.rope(headDim)));
      if (heads % Math.max(1, kvHeads) != 0) {
        throw config.bad(
            "num_key_value_heads", "a divisor of num_attention_heads " + heads, kvHeads);
      }
    }

    DecoderSpec build() {
      return new DecoderSpec(
          vocab,
          width,
          heads,
          kvHeads,
          headDim,
          feedForward,
          List.of(layers),
          activation,
          normEps,
          normOffset,
          embeddingScale,
          tied,
          qkvBias,
          outputBias,
          mlpBias,
          qkNorm,
          sandwichNorms,
          fusedProjections,
          attentionScale,
          attentionSoftcap,
          finalSoftcap,
          context);
    }
  }
}
