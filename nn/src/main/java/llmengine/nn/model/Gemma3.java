package llmengine.nn.model;

import java.util.Set;

/**
 * Gemma 3, text: five layers with a window to one without, each kind with its own rotary base
 * (Gemma team 2025).
 */
public final class Gemma3 implements Family {
  @Override
  public Set<String> modelTypes() {
    return Set.of("gemma3_text");
  }

  @Override
  public DecoderSpec spec(ModelConfig config) {
    DecoderSpec.Builder b = DecoderSpec.builder(config);
    Gemma2.gemma(config, b);
    b.qkNorm = true;
    b.attentionSoftcap = (float) config.doubleOr("attn_logit_softcapping", 0);
    b.finalSoftcap = (float) config.doubleOr("final_logit_softcapping", 0);
    int window = config.intOr("sliding_window", 4096);
    int pattern =
        config.intOr("sliding_window_pattern", config.intOr("_sliding_window_pattern", 6));
    RopeSpec global =
        config
            .rope(b.headDim, "full_attention")
            .orElseGet(
                () ->
                    new RopeSpec(
                        config.doubleOr("rope_theta", 1_000_000),
                        b.headDim,
                        config.rope(b.headDim).scaling()));
    RopeSpec local =
        config
            .rope(b.headDim, "sliding_attention")
            .orElseGet(
                () -> RopeSpec.plain(config.doubleOr("rope_local_base_freq", 10_000), b.headDim));
    boolean[] sliding = config.slidingLayers(b.layers.length).orElse(null);
    for (int i = 0; i < b.layers.length; i++) {
      boolean slides = sliding == null ? (i + 1) % pattern != 0 : sliding[i];
      b.layers[i] =
          slides ? new DecoderSpec.Layer(window, local) : new DecoderSpec.Layer(0, global);
    }
    return b.build();
  }
}
