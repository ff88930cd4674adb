package llmengine.peft;

import java.util.List;
import java.util.Map;
import llmengine.engine.DType;
import llmengine.engine.FormatException;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.nn.Decoder;
import llmengine.nn.Linear;
import llmengine.nn.Parameter;

/**
 * Makes the parts of an adapter from where its values come from.
 *
 * @param scope owns them
 * @param parameters takes what is made, in order
 * @param bases takes the weights that PiSSA splits, by layer
 */
record AdapterParts(
    Decoder model,
    AdapterConfig config,
    Scope scope,
    List<Parameter> parameters,
    Map<String, PissaBase> bases) {
  /** The update of the token table. */
  LoraEmbedding table(AdapterWeights weights, String name, boolean trainable) {
    if (!(config instanceof LoraConfig lora) || lora.dora()) {
      throw new FormatException(
          "lora_target: expected linear layers for OFT and DoRA, got the token table "
              + name
              + ". Remove it, or name it as additional_target to train it whole.");
    }
    int r = lora.rankOf(name);
    int vocab = model.embedding().weight().value().rows();
    int width = model.embedding().weight().value().cols();
    String at = StoredAdapter.PREFIX + name + ".lora_embedding_";
    weights.base(name, model.embedding().weight(), model.scope());
    return new LoraEmbedding(
        parameter(weights, at + "A", trainable, vocab, r),
        parameter(weights, at + "B", trainable, width, r),
        lora.scaleOf(name));
  }

  /** The adapter of one linear layer. */
  AdapterLayer layer(AdapterWeights weights, Linear linear, boolean trainable) {
    return switch (config) {
      case LoraConfig lora -> lora(lora, weights, linear, trainable);
      case OftConfig oft -> {
        int block = oft.blockOf(linear.inFeatures());
        yield new OftLayer(
            parameter(
                weights,
                StoredAdapter.PREFIX + linear.name() + ".oft_R.weight",
                trainable,
                linear.inFeatures() / block,
                block * (block - 1) / 2),
            block,
            oft.terms(),
            (float) oft.moduleDropout());
      }
    };
  }

  private AdapterLayer lora(
      LoraConfig lora, AdapterWeights weights, Linear linear, boolean trainable) {
    String name = linear.name();
    int r = lora.rankOf(name);
    float scale = lora.scaleOf(name);
    String at = StoredAdapter.PREFIX + name + ".lora_";
    LoraLayer layer =
        new LoraLayer(
            parameter(weights, at + "A.weight", trainable, r, linear.inFeatures()),
            parameter(weights, at + "B.weight", trainable, linear.outFeatures(), r),
            scale,
            (float) lora.dropout());
    Tensor base = linear.weight().value();
    if (lora.start() instanceof LoraStart.Pissa start) {
      PissaBase split = PissaBase.of(model, linear, start, r, scale, scope);
      bases.put(name, split);
      base = split.rest();
      if (weights.isStart()) {
        model.backend().copy(split.a(), layer.a().value());
        model.backend().copy(split.b(), layer.b().value());
      }
    }
    if (!lora.dora()) {
      return layer;
    }
    DoraLayer.check(linear);
    Parameter magnitude =
        new Parameter(at + "magnitude_vector", scope.empty(DType.F32, linear.outFeatures()));
    DoraLayer dora = new DoraLayer(layer, magnitude, scope);
    if (weights.isStart()) {
      dora.start(base);
    } else {
      weights.fill(magnitude.name(), magnitude.value());
    }
    magnitude.trainable(trainable);
    parameters.add(magnitude);
    return dora;
  }

  private Parameter parameter(AdapterWeights weights, String name, boolean trainable, int... dims) {
    Parameter p = new Parameter(name, scope.empty(DType.F32, dims));
    weights.fill(name, p.value());
    p.trainable(trainable);
    parameters.add(p);
    return p;
  }
}
