package llmengine.data.source;

/** The row layouts that {@code formatting} in dataset_info.json can name. */
public enum Formatting {
  ALPACA,
  SHAREGPT,
  OPENAI
}
