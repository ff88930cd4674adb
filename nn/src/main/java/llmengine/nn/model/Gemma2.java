package llmengine.nn.model;

import java.util.Set;

/**
 * Gemma 2: norms around each part, soft caps, every other layer with a window (Gemma team 2024).
 */
public final class Gemma2 implements Family {
  @Override
  public Set<String> modelTypes() {
    return Set.of("gemma2");
  }

  @Override
  public DecoderSpec spec(ModelConfig config) {
    DecoderSpec.Builder b = DecoderSpec.builder(config);
    gemma(config, b);
    b.attentionSoftcap = (float) config.doubleOr("attn_logit_softcapping", 0);
    b.finalSoftcap = (float) config.doubleOr("final_logit_softcapping", 0);
    int window = config.intOr("sliding_window", 4096);
    boolean[] sliding = config.slidingLayers(b.layers.length).orElse(null);
    for (int i = 0; i < b.layers.length; i++) {
      boolean slides = sliding == null ? i % 2 == 0 : sliding[i];
      b.layers[i] = new DecoderSpec.Layer(slides ? window : 0, b.layers[i].rope());
    }
    return b.build();
  }

  /** What Gemma 2 and 3 share. */
  static void gemma(ModelConfig config, DecoderSpec.Builder b) {
    b.activation = config.activation("hidden_activation");
    b.normOffset = 1;
    b.embeddingScale = (float) Math.sqrt(b.width);
    b.sandwichNorms = true;
    b.tied = config.booleanOr("tie_word_embeddings", true);
    b.attentionScale = (float) (1 / Math.sqrt(config.doubleOr("query_pre_attn_scalar", 256)));
    b.qkvBias = config.booleanOr("attention_bias", false);
    b.outputBias = b.qkvBias;
  }
}
