package llmengine.train.plan;

import java.util.ArrayList;
import java.util.List;
import llmengine.nn.model.DecoderSpec;

/** Names and shapes of a model's weights, from its specification alone. */
final class WeightList {
  /**
   * A weight.
   *
   * @param name of Hugging Face
   * @param rows N
   * @param cols K; 0 for a vector
   */
  record Weight(String name, long rows, long cols) {
    long size() {
      return cols == 0 ? rows : rows * cols;
    }

    boolean isMatrix() {
      return cols > 0;
    }

    /** Name of the module that has the weight. */
    String module() {
      return name.substring(0, name.lastIndexOf('.'));
    }

    /** Whether it is the matrix of a linear layer within a block. */
    boolean isBlockLinear() {
      return isMatrix() && name.startsWith("model.layers.");
    }
  }

  private final DecoderSpec spec;
  private final List<Weight> weights = new ArrayList<>();

  private WeightList(DecoderSpec spec) {
    this.spec = spec;
  }

  /** All weights; a tied output projection is not listed twice. */
  static List<Weight> of(DecoderSpec spec) {
    WeightList list = new WeightList(spec);
    list.add("model.embed_tokens", spec.vocab(), spec.width(), false);
    for (int l = 0; l < spec.layers().size(); l++) {
      list.block("model.layers." + l + ".");
    }
    list.norm("model.norm", spec.width());
    if (!spec.tied()) {
      list.add("lm_head", spec.vocab(), spec.width(), false);
    }
    return list.weights;
  }

  private void block(String at) {
    long c = spec.width();
    long q = (long) spec.heads() * spec.headDim();
    long kv = (long) spec.kvHeads() * spec.headDim();
    long f = spec.feedForward();
    if (spec.fusedProjections()) {
      add(at + "self_attn.qkv_proj", q + 2 * kv, c, spec.qkvBias());
      add(at + "mlp.gate_up_proj", 2 * f, c, spec.mlpBias());
    } else {
      add(at + "self_attn.q_proj", q, c, spec.qkvBias());
      add(at + "self_attn.k_proj", kv, c, spec.qkvBias());
      add(at + "self_attn.v_proj", kv, c, spec.qkvBias());
      add(at + "mlp.gate_proj", f, c, spec.mlpBias());
      add(at + "mlp.up_proj", f, c, spec.mlpBias());
    }
    add(at + "self_attn.o_proj", c, q, spec.outputBias());
    add(at + "mlp.down_proj", c, f, spec.mlpBias());
    if (spec.qkNorm()) {
      norm(at + "self_attn.q_norm", spec.headDim());
      norm(at + "self_attn.k_norm", spec.headDim());
    }
    norm(at + "input_layernorm", c);
    norm(at + "post_attention_layernorm", c);
    if (spec.sandwichNorms()) {
      norm(at + "pre_feedforward_layernorm", c);
      norm(at + "post_feedforward_layernorm", c);
    }
  }

  private void add(String module, long rows, long cols, boolean bias) {
    weights.add(new Weight(module + ".weight", rows, cols));
    if (bias) {
      weights.add(new Weight(module + ".bias", rows, 0));
    }
  }

  private void norm(String module, long size) {
    weights.add(new Weight(module + ".weight", size, 0));
  }
}
