package llmengine.train.plan;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;
import llmengine.data.TrainingData;
import llmengine.data.source.DatasetCatalog;
import llmengine.data.source.SourceFiles;
import llmengine.data.store.Counts;
import llmengine.train.Data;
import llmengine.train.config.RunConfig;
import llmengine.train.model.ModelSession;

/**
 * How many tokens a run goes through.
 *
 * @param rows of an epoch; empty if the data were not looked at
 * @param tokens of a row on average
 * @param learned share of the tokens that are learned
 * @param longest row in tokens
 */
public record RowCounts(OptionalLong rows, double tokens, double learned, long longest) {
  /** Data of this size are tokenized for a plan; training takes the tokens from the cache then. */
  private static final long SMALL = 32L << 20;

  /** Counted if the data files are small, else every row is taken to have cutoff_len tokens. */
  static RowCounts of(RunConfig config, ModelSession session) {
    int cutoff = config.data().cutoffLen();
    if (bytes(config) > SMALL) {
      return new RowCounts(OptionalLong.empty(), cutoff, 1, cutoff);
    }
    try (TrainingData data =
        TrainingData.load(Data.options(config, session), session.tokenizer(), session.template())) {
      Counts counts = data.train().counts();
      double examples = Math.max(1, counts.examples());
      return new RowCounts(
          OptionalLong.of(data.train().size()),
          counts.tokens() / examples,
          counts.learnedTokens() / Math.max(1.0, counts.tokens()),
          // packed rows hold several examples, of which counts() gives the longest
          config.packing() ? cutoff : Math.min(counts.longest(), cutoff));
    }
  }

  private static long bytes(RunConfig config) {
    DatasetCatalog catalog = DatasetCatalog.open(config.data().datasetDir());
    long sum = 0;
    try {
      for (String name : config.data().dataset()) {
        for (Path file : SourceFiles.files(catalog.find(name).path())) {
          sum += Files.size(file);
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException("dataset: can't be read: " + e.getMessage(), e);
    }
    return sum;
  }

  /** The same rows, none of them longer than {@code cutoff}. */
  RowCounts cutTo(int cutoff) {
    return new RowCounts(rows, Math.min(tokens, cutoff), learned, Math.min(longest, cutoff));
  }
}
