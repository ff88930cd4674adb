package llmengine.data;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.stream.Stream;
import llmengine.data.process.FeedbackProcessor;
import llmengine.data.process.PackedSftProcessor;
import llmengine.data.process.PairwiseProcessor;
import llmengine.data.process.PretrainProcessor;
import llmengine.data.process.Processor;
import llmengine.data.process.SftProcessor;
import llmengine.data.process.TurnEncoder;
import llmengine.data.process.UnsupervisedProcessor;
import llmengine.data.store.Counts;
import llmengine.data.store.RowFeed;
import llmengine.data.store.Tokenization;
import llmengine.data.store.TokenizedDataset;
import llmengine.data.template.ChatTemplate;
import llmengine.data.template.Turn;

/**
 * The tokenized data of a run. {@code train} is null if no training dataset was asked for. {@code
 * eval} has one entry with an empty name, or one per dataset under eval_on_each_dataset; it is
 * empty without evaluation data.
 */
public record TrainingData(
    TokenizedDataset train, Map<String, TokenizedDataset> eval, DataReport report)
    implements AutoCloseable {

  /**
   * Loads, mixes, splits and tokenizes as LLaMA-Factory does, from the cache where it can. The
   * tokenizer must have gone through {@link ChatTemplate#fixSpecialTokens}.
   *
   * @throws DataException for whatever makes the data unusable, among it: no row left, nothing to
   *     learn
   */
  public static TrainingData load(DataOptions options, Tokenizer tokenizer, ChatTemplate template) {
    TokenizedDataset train = null;
    Map<String, TokenizedDataset> eval = new LinkedHashMap<>();
    try (var assembly = new Assembly(options)) {
      String tokens = CacheKey.tokens(options, tokenizer, template);
      if (!options.dataset().isEmpty()) {
        train =
            tokenize(
                options,
                assembly.key("train", tokens),
                assembly::train,
                processor(options, tokenizer, template, false),
                template,
                tokenizer);
        check("train", train, options);
      }
      for (String name : assembly.evalNames()) {
        boolean generates =
            options.predictWithGenerate() && options.stage() == DataOptions.Stage.SFT;
        var set =
            tokenize(
                options,
                assembly.key("eval " + name + (generates ? " generate" : ""), tokens),
                () -> assembly.eval(name),
                processor(options, tokenizer, template, generates),
                template,
                tokenizer);
        eval.put(name, set);
        check(name.isEmpty() ? "eval" : "eval " + name, set, options);
      }
      return new TrainingData(train, eval, DataReport.of(options, train, eval));
    } catch (RuntimeException e) {
      if (train != null) {
        train.close();
      }
      eval.values().forEach(TokenizedDataset::close);
      throw e;
    }
  }

  @Override
  public void close() {
    if (train != null) {
      train.close();
    }
    eval.values().forEach(TokenizedDataset::close);
  }

  private static TokenizedDataset tokenize(
      DataOptions options,
      String key,
      Supplier<RowFeed> rows,
      Processor processor,
      ChatTemplate template,
      Tokenizer tokenizer) {
    Path folder = options.cache().resolve(key.substring(0, 32));
    if (options.overwriteCache()) {
      delete(folder);
    }
    Optional<TokenizedDataset> cached = TokenizedDataset.openComplete(folder);
    if (cached.isPresent()) {
      return cached.get();
    }
    return new Tokenization(
            rows.get(),
            processor,
            template.stopTokenIds(tokenizer),
            options.preprocessingBatchSize(),
            options.threads())
        .into(folder);
  }

  private static Processor processor(
      DataOptions options, Tokenizer tokenizer, ChatTemplate template, boolean generates) {
    int cutoff = options.effectiveCutoff();
    if (options.stage() == DataOptions.Stage.PT) {
      return PretrainProcessor.of(tokenizer, template.name(), cutoff, options.packs());
    }
    TurnEncoder turns = new TemplateTurns(template, tokenizer, options.maskHistory());
    int eos = tokenizer.eosId().orElse(-1);
    if (template.efficientEos() && eos < 0) {
      throw new DataException(
          "tokenizer: template "
              + template.name()
              + " ends rows with eos: expected an eos token,"
              + " got none.");
    }
    if (options.stage() == DataOptions.Stage.PAIRWISE) {
      return new PairwiseProcessor(turns, cutoff, template.efficientEos(), eos);
    }
    if (options.stage() == DataOptions.Stage.FEEDBACK) {
      return new FeedbackProcessor(turns, cutoff, template.efficientEos(), eos);
    }
    if (generates) {
      return new UnsupervisedProcessor(turns, cutoff, template.efficientEos(), eos);
    }
    var samples =
        new SftProcessor(
            turns,
            cutoff,
            options.trainOnPrompt(),
            options.maskHistory(),
            template.efficientEos(),
            eos);
    return options.packs() ? new PackedSftProcessor(samples, options.neatPacking()) : samples;
  }

  private static void check(String split, TokenizedDataset set, DataOptions options) {
    Counts counts = set.counts();
    if (set.size() == 0) {
      String reasons =
          counts.dropped() == 0
              ? "too few tokens for one row of cutoff_len " + options.cutoffLen()
              : counts.droppedRoles()
                  + " with roles out of order, "
                  + counts.droppedResponse()
                  + " without "
                  + options.stage().answers()
                  + ", "
                  + counts.droppedLength()
                  + " too long";
      throw new DataException(
          split
              + " data: no usable row: expected at least one of "
              + counts.rows()
              + ", got none ("
              + reasons
              + "). Check formatting, columns and tags in dataset_info.json.");
    }
    if (counts.learnedTokens() == 0 && !options.predictWithGenerate()) {
      throw new DataException(
          split
              + " data: every label is masked: expected learned tokens in some of "
              + counts.rows()
              + " rows, got none ("
              + counts.truncated()
              + " rows cut, longest "
              + counts.longest()
              + " tokens). Raise cutoff_len (now "
              + options.cutoffLen()
              + ") above the prompts, or check that the answers are not empty.");
    }
  }

  private static void delete(Path folder) {
    if (!Files.isDirectory(folder)) {
      return;
    }
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : (Iterable<Path>) files::iterator) {
        Files.delete(file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A template bound to its tokenizer. */
  private record TemplateTurns(ChatTemplate template, Tokenizer tokenizer, boolean maskHistory)
      implements TurnEncoder {
    @Override
    public List<Turn> multiturn(List<Message> messages, AlignedRow row) {
      return template.encodeMultiturn(tokenizer, messages, row.system(), row.tools(), maskHistory);
    }

    @Override
    public Turn oneturn(List<Message> messages, AlignedRow row) {
      return template.encodeOneturn(tokenizer, messages, row.system(), row.tools());
    }
  }
}
