package llmengine.train.config;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** Which rows are read and how they become tokens and labels. */
@Section("Data")
public record DataArguments(
    @Key(
            doc =
                "Chat template by name. Without it chat, serve and export use the checkpoint's own"
                    + " chat_template; training on conversations needs it if there is one.")
        Optional<String> template,
    @Key(preset = "[]", doc = "Training datasets, names in dataset_info.json.")
        List<String> dataset,
    @Key(preset = "[]", doc = "Datasets that are only evaluated.") List<String> evalDataset,
    @Key(preset = "data", doc = "Folder that holds dataset_info.json and the data files.")
        Path datasetDir,
    @Key(preset = "2048", min = 2, doc = "Longest row in tokens, prompt and answer together.")
        int cutoffLen,
    @Key(preset = "false", doc = "Learns the prompt's tokens too (sft).") boolean trainOnPrompt,
    @Key(
            preset = "false",
            doc = "Learns only the last answer of a conversation, newest turns kept first (sft).")
        boolean maskHistory,
    @Key(preset = "concat", doc = "How several datasets are put together.") MixStrategy mixStrategy,
    @Key(
            preset = "[]",
            min = 0,
            doc = "Share of each dataset when they are interleaved, one number per dataset.")
        List<Double> interleaveProbs,
    @Key(
            preset = "1000",
            min = 1,
            doc = "Rows per batch of preprocessing: packing never looks beyond one batch.")
        int preprocessingBatchSize,
    @Key(min = 1, doc = "Reads only the first rows of each dataset.") Optional<Integer> maxSamples,
    @Key(
            preset = "true",
            doc =
                "Keeps padding out of the loss; false learns the pad token where rows are padded.")
        boolean ignorePadTokenForLoss,
    @Key(
            preset = "0.0",
            doc = "Part of the training data held out for evaluation: a share below 1 or a count.")
        ValSize valSize,
    @Key(preset = "false", doc = "Evaluates each eval dataset on its own (eval_<name>_loss).")
        boolean evalOnEachDataset,
    @Key(
            doc =
                "Fills rows of cutoff_len tokens with several examples; null means yes for stage pt"
                    + " and no otherwise.")
        Optional<Boolean> packing,
    @Key(preset = "false", doc = "Packing in which examples do not see each other (sft).")
        boolean neatPacking,
    @Key(doc = "How tools and tool calls are written, instead of the template's way.")
        Optional<String> toolFormat,
    @Key(doc = "System prompt of conversations that have none, instead of the template's.")
        Optional<String> defaultSystem,
    @Key(
            preset = "true",
            doc =
                "Reasoning templates, rows without a thought: true learns an empty one, null puts"
                    + " it in the prompt; false does so for all rows and strips thoughts.")
        Optional<Boolean> enableThinking,
    @Key(preset = "false", doc = "Reasoning templates: keeps the thoughts of earlier turns.")
        boolean preserveThinking,
    @Key(min = 1, doc = "Beams of generated predictions; null is num_beams.")
        Optional<Integer> evalNumBeams) {

  /** How several datasets are put together. */
  public enum MixStrategy {
    /** One after the other. */
    CONCAT,
    /** Drawn in turn until the first is used up. */
    INTERLEAVE_UNDER,
    /** Drawn in turn until all are used up, the shorter ones starting again. */
    INTERLEAVE_OVER,
    /** Drawn in turn until all are used up, no row twice. */
    INTERLEAVE_ONCE
  }
}
