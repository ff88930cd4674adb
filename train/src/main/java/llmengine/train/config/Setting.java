package llmengine.train.config;

/**
 * A key as given: its value and where it was written, {@code run.yaml:7} or {@code command line}.
 */
record Setting(String key, Value value, String where) {}
