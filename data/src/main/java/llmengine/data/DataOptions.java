package llmengine.data;

import java.nio.file.Path;
import java.util.List;
import llmengine.data.random.MixOrder;

/**
 * Which data to load and how; component names are LLaMA-Factory's keys. {@code maxSamples} 0 takes
 * all rows; {@code interleaveProbs} null means round robin; {@code valSize} is a number of rows if
 * it is an Integer or above 1, else a fraction; {@code packing} null means on for pre-training and
 * off otherwise; {@code threads} are the tokenizing threads (they never change a result). {@code
 * tokenizerDigest} names the content of the tokenizer's files: it keys the cache.
 */
public record DataOptions(
    Path datasetDir,
    List<String> dataset,
    List<String> evalDataset,
    Stage stage,
    int cutoffLen,
    boolean trainOnPrompt,
    boolean maskHistory,
    MixOrder.Strategy mixStrategy,
    double[] interleaveProbs,
    int preprocessingBatchSize,
    int threads,
    int maxSamples,
    Number valSize,
    boolean evalOnEachDataset,
    Boolean packing,
    boolean neatPacking,
    boolean ignorePadTokenForLoss,
    boolean predictWithGenerate,
    long seed,
    boolean overwriteCache,
    Path cache,
    String tokenizerDigest) {

  /**
   * What rows are made into: texts, conversations, pairs of answers, or answers with a judgement.
   */
  public enum Stage {
    PT,
    SFT,
    PAIRWISE,
    FEEDBACK;

    /** What a row must hold beside its prompt, in words. */
    String answers() {
      return switch (this) {
        case PT -> "text";
        case SFT -> "a single response";
        case PAIRWISE -> "a chosen and a rejected answer";
        case FEEDBACK -> "an answer with kto_tag";
      };
    }

    /** The training stages that take such rows. */
    String keys() {
      return switch (this) {
        case PT -> "pt";
        case SFT -> "sft";
        case PAIRWISE -> "rm and dpo";
        case FEEDBACK -> "kto";
      };
    }
  }

  public DataOptions {
    dataset = List.copyOf(dataset);
    evalDataset = List.copyOf(evalDataset);
    interleaveProbs = interleaveProbs == null ? null : interleaveProbs.clone();
    if (cutoffLen < 1 || preprocessingBatchSize < 1 || threads < 1 || maxSamples < 0) {
      throw new DataException(
          "data: expected cutoff_len, preprocessing_batch_size and preprocessing_num_workers >= 1"
              + " and max_samples >= 0, got "
              + cutoffLen
              + ", "
              + preprocessingBatchSize
              + ", "
              + threads
              + " and "
              + maxSamples
              + ".");
    }
    if (tokenizerDigest.isBlank()) {
      throw new IllegalArgumentException("a tokenizer digest is needed to key the token cache");
    }
    if (!evalDataset.isEmpty() && valSize.doubleValue() > 0) {
      throw new DataException(
          "data: expected val_size or eval_dataset, got both. Remove one of them.");
    }
    if (!ignorePadTokenForLoss) {
      throw new DataException(
          "ignore_pad_token_for_loss: expected true, got false: rows are laid end to end without"
              + " padding, so there are no padding tokens to learn. Remove the key.");
    }
  }

  /** Whether several samples or documents share a row. */
  public boolean packs() {
    return switch (stage) {
      case PT, SFT -> neatPacking || (packing == null ? stage == Stage.PT : packing);
      case PAIRWISE, FEEDBACK -> false;
    };
  }

  /**
   * Tokens per row: packing that was asked for leaves one place of cutoff_len to the peer's
   * padding.
   */
  public int effectiveCutoff() {
    boolean asked = neatPacking || Boolean.TRUE.equals(packing);
    return asked ? Math.max(1, cutoffLen - 1) : cutoffLen;
  }

  /**
   * {@code ENGINE_CACHE}, else {@code ~/.cache/llm-engine}; token files lie in its folder {@code
   * tokens}.
   */
  public static Path defaultCache() {
    String folder = System.getenv("ENGINE_CACHE");
    Path root =
        folder == null || folder.isBlank()
            ? Path.of(System.getProperty("user.home"), ".cache", "llm-engine")
            : Path.of(folder);
    return root.resolve("tokens");
  }

  public static Builder of(Path datasetDir, List<String> dataset, Stage stage) {
    return new Builder(datasetDir, dataset, stage);
  }

  /** LLaMA-Factory's defaults with what is changed. */
  public static final class Builder {
    private final Path datasetDir;
    private final List<String> dataset;
    private final Stage stage;
    private List<String> evalDataset = List.of();
    private int cutoffLen = 2048;
    private boolean trainOnPrompt;
    private boolean maskHistory;
    private MixOrder.Strategy mixStrategy = MixOrder.Strategy.CONCAT;
    private double[] interleaveProbs;
    private int preprocessingBatchSize = 1000;
    private int threads = Runtime.getRuntime().availableProcessors();
    private int maxSamples;
    private Number valSize = 0.0;
    private boolean evalOnEachDataset;
    private Boolean packing;
    private boolean neatPacking;
    private boolean ignorePadTokenForLoss = true;
    private boolean predictWithGenerate;
    private long seed = 42;
    private boolean overwriteCache;
    private Path cache = defaultCache();
    private String tokenizerDigest = "";

    private Builder(Path datasetDir, List<String> dataset, Stage stage) {
      this.datasetDir = datasetDir;
      this.dataset = dataset;
      this.stage = stage;
    }

    public Builder evalDataset(List<String> names) {
      evalDataset = names;
      return this;
    }

    public Builder cutoffLen(int tokens) {
      cutoffLen = tokens;
      return this;
    }

    public Builder trainOnPrompt(boolean value) {
      trainOnPrompt = value;
      return this;
    }

    public Builder maskHistory(boolean value) {
      maskHistory = value;
      return this;
    }

    /**
     * @param probabilities one per dataset, or null
     */
    public Builder mix(MixOrder.Strategy strategy, double[] probabilities) {
      mixStrategy = strategy;
      interleaveProbs = probabilities;
      return this;
    }

    public Builder preprocessingBatchSize(int rows) {
      preprocessingBatchSize = rows;
      return this;
    }

    public Builder threads(int count) {
      threads = count;
      return this;
    }

    public Builder maxSamples(int rows) {
      maxSamples = rows;
      return this;
    }

    public Builder valSize(Number size) {
      valSize = size;
      return this;
    }

    public Builder evalOnEachDataset(boolean value) {
      evalOnEachDataset = value;
      return this;
    }

    public Builder packing(Boolean value) {
      packing = value;
      return this;
    }

    public Builder neatPacking(boolean value) {
      neatPacking = value;
      return this;
    }

    public Builder ignorePadTokenForLoss(boolean value) {
      ignorePadTokenForLoss = value;
      return this;
    }

    /** Evaluation rows become prompts with reference answers. */
    public Builder predictWithGenerate(boolean value) {
      predictWithGenerate = value;
      return this;
    }

    public Builder seed(long value) {
      seed = value;
      return this;
    }

    public Builder overwriteCache(boolean value) {
      overwriteCache = value;
      return this;
    }

    public Builder cache(Path folder) {
      cache = folder;
      return this;
    }

    public Builder tokenizerDigest(String digest) {
      tokenizerDigest = digest;
      return this;
    }

    public DataOptions build() {
      return new DataOptions(
          datasetDir,
          dataset,
          evalDataset,
          stage,
          cutoffLen,
          trainOnPrompt,
          maskHistory,
          mixStrategy,
          interleaveProbs,
          preprocessingBatchSize,
          threads,
          maxSamples,
          valSize,
          evalOnEachDataset,
          packing,
          neatPacking,
          ignorePadTokenForLoss,
          predictWithGenerate,
          seed,
          overwriteCache,
          cache,
          tokenizerDigest);
    }
  }
}
