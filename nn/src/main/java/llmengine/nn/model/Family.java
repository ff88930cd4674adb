package llmengine.nn.model;

import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import llmengine.engine.FormatException;

/** A model family: how its {@code config.json} reads as a {@link DecoderSpec}. */
public interface Family {
  /** All families; a new one is added here. */
  List<Family> ALL =
      List.of(
          new Llama(),
          new Mistral(),
          new Qwen2(),
          new Qwen3(),
          new Gemma2(),
          new Gemma3(),
          new Phi3());

  /** Values of {@code model_type} that this family serves. */
  Set<String> modelTypes();

  DecoderSpec spec(ModelConfig config);

  /**
   * @throws FormatException if no family serves the config's {@code model_type}
   */
  static DecoderSpec of(ModelConfig config) {
    Set<String> known = new TreeSet<>();
    for (Family family : ALL) {
      if (family.modelTypes().contains(config.modelType())) {
        return family.spec(config);
      }
      known.addAll(family.modelTypes());
    }
    throw config.bad("model_type", "one of " + known, config.modelType());
  }
}
