package llmengine.train;

import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import llmengine.data.Tokenizer;
import llmengine.data.process.Example;
import llmengine.data.store.TokenizedDataset;
import llmengine.nn.Decoder;
import llmengine.nn.generate.Generation;
import llmengine.nn.generate.Generator;
import llmengine.nn.generate.SamplingOptions;
import llmengine.train.chat.Sampling;
import llmengine.train.checkpoint.JsonFiles;
import llmengine.train.config.EvaluationArguments;
import llmengine.train.config.GeneratingArguments;
import llmengine.train.config.RunConfig;
import llmengine.train.metric.Similarity;
import llmengine.train.model.ModelSession;

/**
 * Answers generated for the prompts of a dataset, compared with its answers and written to {@code
 * generated_predictions.jsonl}. Memory: the rows that run at a time, whatever the dataset's size.
 */
final class Prediction {
  /** How many batches' rows are handed to the generator at a time, so that its slots stay full. */
  private static final int BATCHES = 8;

  private final RunConfig config;
  private final Tokenizer tokenizer;
  private final Decoder model;

  /**
   * @param model whose adapters are in place
   */
  Prediction(RunConfig config, ModelSession session, Decoder model) {
    this.config = config;
    this.tokenizer = session.tokenizer();
    this.model = model;
  }

  /** Name of the file for a dataset; the only one has an empty name. */
  static String fileName(String dataset) {
    return "generated_predictions" + (dataset.isEmpty() ? "" : "_" + dataset) + ".jsonl";
  }

  /**
   * Metrics of one dataset: rouge-1, rouge-2, rouge-l, bleu-4, runtime and rates, each after {@code
   * prefix_}.
   *
   * @param rows prompts with their reference answers as labels
   * @param file where predictions go, replaced when all are there; null for none
   */
  Map<String, Object> run(String prefix, TokenizedDataset rows, Path file) {
    long start = System.nanoTime();
    Similarity similarity = new Similarity();
    if (file == null) {
      this.<RuntimeException>predict(rows, (answer, label, line) -> similarity.add(answer, label));
    } else {
      write(rows, similarity, file);
    }
    double seconds = (System.nanoTime() - start) / 1e9;
    int batches = Math.ceilDiv(rows.size(), config.training().perDeviceEvalBatchSize());
    Map<String, Object> metrics = new LinkedHashMap<>();
    similarity.means().forEach((name, mean) -> metrics.put(prefix + "_" + name, mean));
    metrics.put(prefix + "_runtime", Evaluation.rounded(seconds, 4));
    metrics.put(prefix + "_samples_per_second", Evaluation.rounded(rows.size() / seconds, 3));
    metrics.put(prefix + "_steps_per_second", Evaluation.rounded(batches / seconds, 3));
    return metrics;
  }

  private void write(TokenizedDataset rows, Similarity similarity, Path file) {
    Path temporary = file.resolveSibling("." + file.getFileName() + ".tmp");
    try {
      try (BufferedWriter out = Files.newBufferedWriter(temporary)) {
        this.<IOException>predict(
            rows,
            (answer, label, line) -> {
              similarity.add(answer, label);
              out.write(JsonFiles.line(line));
              out.write('\n');
            });
      }
      Files.move(
          temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      throw new TrainException(
          file
              + ": can't be written: expected room and permission, got: "
              + e.getMessage()
              + ". Choose another output_dir.",
          e);
    }
  }

  /** Takes an answer and its reference without special tokens, and the line of the file. */
  private interface Sink<E extends Exception> {
    void add(String answer, String reference, Map<String, String> line) throws E;
  }

  private <E extends Exception> void predict(TokenizedDataset rows, Sink<E> sink) throws E {
    int batch = config.training().perDeviceEvalBatchSize();
    Generator generator = new Generator(model, batch);
    SamplingOptions options = options();
    boolean skip = config.generating().skipSpecialTokens();
    for (int from = 0; from < rows.size(); from += batch * BATCHES) {
      List<Example> examples = new ArrayList<>();
      for (int i = from; i < Math.min(rows.size(), from + batch * BATCHES); i++) {
        examples.add(rows.get(i));
      }
      List<int[]> prompts = examples.stream().map(Example::ids).toList();
      SamplingOptions here = options.with().seed(options.seed() + from).build();
      List<Generation> answers = generator.generate(prompts, here);
      for (int i = 0; i < answers.size(); i++) {
        int[] answer = answers.get(i).ids();
        int[] label = examples.get(i).labels();
        Map<String, String> line = new LinkedHashMap<>();
        line.put("prompt", tokenizer.decode(prompts.get(i), false));
        line.put("predict", tokenizer.decode(answer, skip));
        line.put("label", tokenizer.decode(label, skip));
        sink.add(tokenizer.decode(answer, true), tokenizer.decode(label, true), line);
      }
    }
  }

  /** As for chatting, but ended by the end token and every additional special token. */
  private SamplingOptions options() {
    GeneratingArguments g = config.generating();
    Set<Integer> stops = new HashSet<>();
    tokenizer.eosId().ifPresent(stops::add);
    for (String token : tokenizer.additionalSpecialTokens()) {
      tokenizer.idOf(token).ifPresent(stops::add);
    }
    int seed = g.samplingSeed().orElse(config.training().seed());
    EvaluationArguments e = config.evaluation();
    int beams = config.data().evalNumBeams().or(e::generationNumBeams).orElse(g.numBeams());
    SamplingOptions.Builder b = Sampling.options(g, stops, seed).with().numBeams(beams);
    e.generationMaxLength().ifPresent(most -> b.maxNewTokens(0).maxLength(most));
    return b.build();
  }
}
