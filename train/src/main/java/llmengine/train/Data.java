package llmengine.train;

import java.util.ArrayList;
import java.util.List;
import llmengine.data.DataException;
import llmengine.data.DataOptions;
import llmengine.data.random.MixOrder;
import llmengine.data.source.DatasetCatalog;
import llmengine.train.config.ConfigException;
import llmengine.train.config.DataArguments;
import llmengine.train.config.FinetuningArguments.Stage;
import llmengine.train.config.RunConfig;
import llmengine.train.config.ValSize;
import llmengine.train.model.ModelSession;

/** The data keys of a configuration as the data module takes them. */
public final class Data {
  private Data() {}

  public static DataOptions options(RunConfig config, ModelSession session) {
    DataArguments data = config.data();
    checkNames(data);
    DataOptions.Builder options =
        DataOptions.of(data.datasetDir(), data.dataset(), stage(config.finetuning().stage()))
            .evalDataset(data.evalDataset())
            .cutoffLen(data.cutoffLen())
            .trainOnPrompt(data.trainOnPrompt())
            .maskHistory(data.maskHistory())
            .mix(MixOrder.Strategy.valueOf(data.mixStrategy().name()), probabilities(data))
            .preprocessingBatchSize(data.preprocessingBatchSize())
            .maxSamples(data.maxSamples().orElse(0))
            .valSize(valSize(data.valSize()))
            .evalOnEachDataset(data.evalOnEachDataset())
            .packing(data.packing().orElse(null))
            .neatPacking(data.neatPacking())
            .ignorePadTokenForLoss(data.ignorePadTokenForLoss())
            .predictWithGenerate(config.evaluation().predictWithGenerate())
            .seed(config.training().seed())
            .tokenizerDigest(session.tokenizerDigest());
    config.engine().threads().ifPresent(options::threads);
    return options.build();
  }

  private static DataOptions.Stage stage(Stage stage) {
    return switch (stage) {
      case PT -> DataOptions.Stage.PT;
      case SFT -> DataOptions.Stage.SFT;
      case RM, DPO -> DataOptions.Stage.PAIRWISE;
      case KTO -> DataOptions.Stage.FEEDBACK;
    };
  }

  /** Reports all datasets that aren't there or badly described at once. */
  private static void checkNames(DataArguments data) {
    List<String> problems = new ArrayList<>();
    DatasetCatalog catalog;
    try {
      catalog = DatasetCatalog.open(data.datasetDir());
    } catch (DataException unreadable) {
      throw new ConfigException(List.of(unreadable.getMessage()));
    }
    for (List<String> names : List.of(data.dataset(), data.evalDataset())) {
      for (String name : names) {
        try {
          catalog.find(name);
        } catch (DataException bad) {
          problems.add(bad.getMessage());
        }
      }
    }
    if (!problems.isEmpty()) {
      throw new ConfigException(problems);
    }
  }

  private static double[] probabilities(DataArguments data) {
    return data.interleaveProbs().isEmpty()
        ? null
        : data.interleaveProbs().stream().mapToDouble(p -> p).toArray();
  }

  private static Number valSize(ValSize size) {
    return switch (size) {
      case ValSize.None ignored -> (Number) 0.0;
      case ValSize.Rows rows -> (Number) rows.count();
      case ValSize.Share share -> (Number) share.fraction();
    };
  }
}
