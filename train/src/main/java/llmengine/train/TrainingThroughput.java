package llmengine.train;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import llmengine.data.batch.MicroBatch;
import llmengine.data.batch.StepBatch;
import llmengine.engine.Backend;
import llmengine.engine.Scope;
import llmengine.nn.Decoder;
import llmengine.nn.generate.Throughput;
import llmengine.nn.optim.Gradients;
import llmengine.nn.optim.Optimizer;
import llmengine.train.config.RunConfig;
import llmengine.train.model.Backends;
import llmengine.train.model.ModelSession;
import llmengine.train.stage.CausalLm;
import llmengine.train.stage.Objective;

/**
 * Tokens a second of whole training steps: forward and backward pass, gradient norm, optimizer.
 * Rows are random tokens of one length, all of them labelled, so that a step's work is known: with
 * recomputation, which is the default, every block is computed again, even where memory would allow
 * to keep its activations.
 */
public final class TrainingThroughput {
  /** Steps that the compiler and the pools take to settle. */
  private static final int WARM_UP = 3;

  private TrainingThroughput() {}

  /**
   * Measures steps of a method.
   *
   * @param method of finetuning_type: {@code lora} (all linear layers, rank 8) or {@code full}
   * @param words of a configuration, which win over these, such as {@code bf16=true}
   */
  public static Throughput of(
      Path model, String method, int rows, int length, int repetitions, List<String> words) {
    List<String> all =
        new ArrayList<>(
            List.of(
                "model_name_or_path=" + model,
                "stage=pt",
                "do_train=true",
                "finetuning_type=" + method,
                "dataset=random",
                "output_dir=unused"));
    if (method.equals("lora")) {
      all.addAll(List.of("lora_target=all", "lora_rank=8"));
    }
    all.addAll(words);
    RunConfig config = RunConfig.forTraining(all);
    try (Backend backend = Backends.open(config);
        ModelSession session = ModelSession.open(config);
        Decoder decoder = session.load(backend);
        FineTuning tuning = FineTuning.of(config, session, decoder, Optional.empty());
        Objective objective = new CausalLm(decoder, config.training().seed(), tuning.dropout());
        Scope scope = new Scope(backend, "optimizer")) {
      decoder.checkpointing(config.recomputesActivations());
      if (config.training().bf16()) {
        ModelSession.frozenToBf16(decoder);
      }
      Optimizer optimizer =
          Optimizers.of(config, decoder, scope, Optimizers.groups(config, tuning.trainable()));
      StepBatch batch = random(decoder.spec().vocab(), rows, length);
      double rate = config.optimizer().learningRate();
      double most = config.optimizer().maxGradNorm();
      double[] samples = new double[repetitions];
      for (int i = -WARM_UP; i < repetitions; i++) {
        long start = System.nanoTime();
        objective.run(
            batch,
            new Objective.Step(i + WARM_UP, 1, false),
            loss -> {
              optimizer.step(rate, Gradients.clipFactor(optimizer.gradientNorm(), most));
              optimizer.release();
            });
        if (i >= 0) {
          samples[i] = (double) rows * length / ((System.nanoTime() - start) / 1e9);
        }
      }
      return new Throughput(method + " " + rows + "x" + length, samples);
    }
  }

  /** Rows of random tokens, each predicting all but its first. */
  private static StepBatch random(int vocabulary, int rows, int length) {
    int[] positions = new int[rows * length];
    int[] labelled = new int[rows * (length - 1)];
    int[] targets = new int[labelled.length];
    int[] lengths = new int[rows];
    int[] numbers = new int[rows];
    int[] ids = new SplittableRandom(1).ints(positions.length, 0, vocabulary).toArray();
    Arrays.fill(lengths, length);
    int at = 0;
    for (int i = 0; i < ids.length; i++) {
      positions[i] = i % length;
      numbers[i / length] = i / length;
      if (i % length < length - 1) {
        labelled[at] = i;
        targets[at++] = ids[i + 1];
      }
    }
    MicroBatch batch =
        new MicroBatch(ids, positions, lengths, labelled, targets, lengths, List.of(), numbers);
    return new StepBatch(0, 0, rows, List.of(batch));
  }
}
