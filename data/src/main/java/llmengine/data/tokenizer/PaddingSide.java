package llmengine.data.tokenizer;

/** Where padding goes, {@code padding_side}: right in training, left in a model for generation. */
public enum PaddingSide {
  LEFT,
  RIGHT
}
