package llmengine.data;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import llmengine.data.convert.Converter;
import llmengine.data.random.LegacyNumpyRandom;
import llmengine.data.random.MixOrder;
import llmengine.data.random.ValidationSplit;
import llmengine.data.source.DatasetCatalog;
import llmengine.data.source.DatasetSpec;
import llmengine.data.source.RowSource;
import llmengine.data.source.SourceFiles;
import llmengine.data.store.MergedRows;
import llmengine.data.store.RowFeed;

/**
 * Puts datasets together in LLaMA-Factory's order of operations: num_samples, max_samples, mixing,
 * then the validation split. Files are opened on first need only: a cached run doesn't scan them.
 */
final class Assembly implements AutoCloseable {
  private final DataOptions options;
  private final List<DatasetSpec> trainSpecs;
  private final List<DatasetSpec> evalSpecs;
  private final List<RowSource> open = new ArrayList<>();
  private RowFeed train;
  private final Map<String, RowFeed> eval = new LinkedHashMap<>();
  private boolean built;

  Assembly(DataOptions options) {
    this.options = options;
    DatasetCatalog catalog = DatasetCatalog.open(options.datasetDir());
    trainSpecs = options.dataset().stream().map(catalog::find).toList();
    evalSpecs = options.evalDataset().stream().map(catalog::find).toList();
    trainSpecs.forEach(this::checkRanking);
    evalSpecs.forEach(this::checkRanking);
  }

  /** Names of the evaluation sets: one empty name, or one per dataset. */
  List<String> evalNames() {
    if (evalSpecs.isEmpty()) {
      return validates() && !trainSpecs.isEmpty() ? List.of("") : List.of();
    }
    return options.evalOnEachDataset()
        ? evalSpecs.stream().map(DatasetSpec::name).toList()
        : List.of("");
  }

  /**
   * Cache key of one set: everything that its rows depend on, and {@code tokens} for what is made
   * of them.
   */
  String key(String set, String tokens) {
    return CacheKey.of(set, tokens, options, trainSpecs, evalSpecs);
  }

  RowFeed train() {
    build();
    return train;
  }

  RowFeed eval(String name) {
    build();
    return eval.get(name);
  }

  @Override
  public void close() {
    open.forEach(RowSource::close);
  }

  private boolean validates() {
    return options.valSize().doubleValue() > 1e-6;
  }

  private void build() {
    if (built) {
      return;
    }
    built = true;
    // one generator for all, in this order: numpy's global state
    var random = new LegacyNumpyRandom(options.seed());
    if (!trainSpecs.isEmpty()) {
      MergedRows all = merge(trainSpecs, random);
      if (validates()) {
        ValidationSplit split = split(all.size());
        train = all.select(split.train().length, i -> split.train()[i]);
        eval.put("", all.select(split.validation().length, i -> split.validation()[i]));
      } else {
        train = all;
      }
    }
    if (!evalSpecs.isEmpty() && options.evalOnEachDataset()) {
      for (DatasetSpec spec : evalSpecs) {
        eval.put(spec.name(), merge(List.of(spec), random));
      }
    } else if (!evalSpecs.isEmpty()) {
      eval.put("", merge(evalSpecs, random));
    }
  }

  private ValidationSplit split(int rows) {
    Number size = options.valSize();
    return size instanceof Integer || size instanceof Long
        ? ValidationSplit.ofCount(rows, size.intValue(), options.seed())
        : ValidationSplit.of(rows, size.doubleValue(), options.seed());
  }

  private MergedRows merge(List<DatasetSpec> specs, LegacyNumpyRandom random) {
    var sources = new ArrayList<RowSource>();
    int[][] chosen = new int[specs.size()][]; // null: the first rows in order
    int[] sizes = new int[specs.size()];
    for (int d = 0; d < sizes.length; d++) {
      DatasetSpec spec = specs.get(d);
      RowSource source = SourceFiles.open(spec.path());
      open.add(source);
      sources.add(source);
      if (source.size() == 0) {
        throw new DataException(
            spec.path()
                + ": dataset \""
                + spec.name()
                + "\" is empty: expected at least one row, got none.");
      }
      Converter.checkColumns(
          spec,
          source.columns(),
          options.stage() == DataOptions.Stage.SFT
              || options.stage() == DataOptions.Stage.FEEDBACK);
      sizes[d] = source.size();
      if (spec.numSamples() > 0) {
        chosen[d] = random.sample(source.size(), spec.numSamples());
        sizes[d] = chosen[d].length;
      }
      if (options.maxSamples() > 0) {
        sizes[d] = Math.min(sizes[d], options.maxSamples());
      }
    }
    MixOrder order =
        MixOrder.of(
            sizes,
            specs.size() == 1 ? MixOrder.Strategy.CONCAT : options.mixStrategy(),
            options.interleaveProbs(),
            options.seed());
    long[] rows = new long[order.rows().length];
    for (int i = 0; i < rows.length; i++) {
      int d = order.datasets()[i];
      int row = order.rows()[i];
      rows[i] = (long) d << 32 | (chosen[d] == null ? row : chosen[d][row]);
    }
    return new MergedRows(specs, sources, rows);
  }

  private void checkRanking(DatasetSpec spec) {
    boolean needed = options.stage() == DataOptions.Stage.PAIRWISE;
    if (spec.ranking() != needed) {
      throw new DataException(
          "dataset \""
              + spec.name()
              + "\": expected ranking: "
              + needed
              + " for stage "
              + options.stage().keys()
              + ", got ranking: "
              + spec.ranking()
              + ". Use another dataset or stage.");
    }
  }
}
