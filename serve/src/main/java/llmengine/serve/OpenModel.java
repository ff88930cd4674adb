package llmengine.serve;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import llmengine.engine.Backend;
import llmengine.engine.FormatException;
import llmengine.nn.Decoder;
import llmengine.nn.ValueHead;
import llmengine.nn.generate.KvCache;
import llmengine.nn.model.DecoderSpec;
import llmengine.serve.schedule.Scheduler;
import llmengine.serve.schedule.SchedulerOptions;
import llmengine.train.config.ConfigException;
import llmengine.train.config.FinetuningArguments.Stage;
import llmengine.train.config.RunConfig;
import llmengine.train.export.InferenceModel;
import llmengine.train.model.Backends;
import llmengine.train.model.ModelSession;

/**
 * A model that answers many callers: all that a configuration names is open, adapters beside it
 * too. Closes in reverse order.
 */
public final class OpenModel implements AutoCloseable {
  /** Keys and values take no more than this unless asked to, or a single context needs more. */
  private static final long ENOUGH_FOR_MOST = 4L << 30;

  private final ArrayList<AutoCloseable> opened = new ArrayList<>();
  private final ModelSession session;
  private final Optional<ValueHead> head;
  private final Scheduler scheduler;

  /**
   * Opens the model.
   *
   * @param name under which it is asked for
   * @param answers that run together
   * @throws ConfigException if a key does not hold for this model
   */
  public OpenModel(RunConfig config, String name, int answers) {
    requireNoBeams(config);
    boolean whole = false;
    try {
      session = opening(ModelSession.open(config));
      Backend backend = opening(Backends.open(config));
      Decoder decoder = opening(InferenceModel.load(config, session, backend));
      head = head(config, decoder);
      head.ifPresent(this::opening);
      SchedulerOptions options =
          SchedulerOptions.defaults()
              .withMaxSequences(answers)
              .withQueueLimit(config.serve().apiQueueLimit())
              .withCacheBytes(cacheBytes(config, decoder.spec(), backend, answers));
      scheduler = opening(new Scheduler(decoder, name, head, options));
      config.serve().loraModules().forEach((adapter, path) -> load(adapter, path.toString()));
      whole = true;
    } finally {
      if (!whole) {
        close();
      }
    }
  }

  private <T extends AutoCloseable> T opening(T part) {
    opened.add(part);
    return part;
  }

  private static ConfigException problem(String words) {
    return new ConfigException(List.of(words));
  }

  private static void requireNoBeams(RunConfig config) {
    if (config.generating().numBeams() > 1) {
      throw problem(
          "num_beams: not while serving: expected 1, got "
              + config.generating().numBeams()
              + ". Remove it.");
    }
  }

  /** The head of a reward model, which stage rm trained: beside the last adapter or the model. */
  private static Optional<ValueHead> head(RunConfig config, Decoder decoder) {
    if (config.finetuning().stage() != Stage.RM) {
      return Optional.empty();
    }
    List<Path> adapters = config.adapterPaths();
    Path folder = adapters.isEmpty() ? config.modelPath() : adapters.getLast();
    if (!ValueHead.isIn(folder)) {
      throw problem(
          "stage: rm without a head: expected "
              + ValueHead.FILE
              + " in "
              + folder
              + ", got none. Name an adapter or model that stage rm trained, or remove stage.");
    }
    return Optional.of(ValueHead.open(decoder.backend(), folder, decoder.spec().width(), 0));
  }

  /**
   * Memory for keys and values. Without a configured size: a whole context for every answer that
   * may run, but at most 4 GiB or one whole context, and at most half of the memory that is left.
   */
  private static long cacheBytes(RunConfig config, DecoderSpec spec, Backend backend, int answers) {
    long perToken = KvCache.bytesPerToken(spec.layers().size(), spec.kvHeads() * spec.headDim());
    long block = perToken * KvCache.BLOCK;
    Optional<Double> asked = config.serve().kvCacheGb();
    if (asked.isPresent()) {
      long bytes = (long) (asked.get() * 1e9);
      if (bytes < block) {
        throw problem(
            String.format(
                Locale.ROOT,
                "kv_cache_gb: too small: expected at least %.6f for %d tokens of this model, got"
                    + " %s. Raise it.",
                block / 1e9,
                KvCache.BLOCK,
                asked.get()));
      }
      return bytes;
    }
    long context = perToken * spec.context();
    long left = (Backends.memoryLimit(config) - backend.memory().used()) / 2;
    long wanted = Math.min(context * answers, Math.max(ENOUGH_FOR_MOST, context));
    return Math.max(block, Math.min(wanted, left));
  }

  private void load(String adapter, String path) {
    try {
      scheduler.load(adapter, Path.of(path));
    } catch (FormatException | IllegalArgumentException e) {
      throw problem("lora_modules " + adapter + ": " + e.getMessage());
    }
  }

  /** Files, tokenizer and template of the model. */
  public ModelSession session() {
    return session;
  }

  /** Whether it scores texts instead of writing them. */
  public boolean isRewardModel() {
    return head.isPresent();
  }

  public Scheduler scheduler() {
    return scheduler;
  }

  @Override
  public void close() {
    closeAll(opened);
  }

  /** Closes parts in reverse order and forgets them. */
  static void closeAll(List<AutoCloseable> parts) {
    for (AutoCloseable part : parts.reversed()) {
      try {
        part.close();
      } catch (RuntimeException e) {
        throw e;
      } catch (Exception e) {
        throw new IllegalStateException("closing " + part.getClass().getSimpleName(), e);
      }
    }
    parts.clear();
  }
}
