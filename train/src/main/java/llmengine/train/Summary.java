package llmengine.train;

import java.io.PrintStream;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.StringJoiner;
import java.util.stream.Collectors;
import llmengine.data.TrainingData;
import llmengine.data.store.TokenizedDataset;
import llmengine.engine.DType;
import llmengine.engine.Packing;
import llmengine.nn.Decoder;
import llmengine.nn.Linear;
import llmengine.nn.Parameter;
import llmengine.peft.Adapters;
import llmengine.peft.LoraConfig;
import llmengine.train.checkpoint.JsonFiles;
import llmengine.train.config.RunConfig;
import llmengine.train.model.Backends;
import llmengine.train.model.ModelSession;

/**
 * What a run prints before its first step: model, what is trained, data, memory against the
 * machine.
 */
final class Summary {
  private Summary() {}

  static void print(
      PrintStream out,
      RunConfig config,
      ModelSession session,
      Decoder model,
      FineTuning method,
      TrainingData data,
      MemoryPlan plan,
      Path report) {
    long all = model.parameters().values().stream().mapToLong(Parameter::size).sum();
    long trained = method.trainable().stream().mapToLong(Parameter::size).sum();
    long total = all + method.addedElements();
    out.printf(
        Locale.ROOT,
        "model  %s (%s), %,d parameters, vocabulary %,d, context %,d%n",
        session.files().path(),
        session.files().config().modelType(),
        all,
        model.spec().vocab(),
        model.spec().context());
    packed(out, config, session, model);
    if (config.training().doTrain()) {
      out.printf(
          Locale.ROOT,
          "train  %s: trainable params: %,d || all params: %,d || trainable%%: %.4f%n",
          method.name(),
          trained,
          total,
          100.0 * trained / total);
    }
    adapters(out, config, session, model, method);
    data.report().lines(report).forEach(out::println);
    if (config.training().doTrain()) {
      int steps = Trainer.totalSteps(config, data.train().size());
      out.printf(
          Locale.ROOT,
          "steps  %,d of %d x %d rows, %s%n",
          steps,
          config.training().perDeviceTrainBatchSize(),
          config.training().gradientAccumulationSteps(),
          config.optimizer().lrSchedulerType().key());
      memory(out, plan, Backends.memoryLimit(config));
    }
  }

  /** What is odd about adapters, though it can be computed. */
  private static void adapters(
      PrintStream out, RunConfig config, ModelSession session, Decoder model, FineTuning method) {
    for (Path adapter : config.adapterPaths()) {
      Path file = adapter.resolve("adapter_config.json");
      String base = JsonFiles.read(file).path("base_model_name_or_path").asText("");
      Path name = base.isBlank() ? null : Path.of(base).getFileName();
      if (name != null && !name.equals(session.files().path().toAbsolutePath().getFileName())) {
        out.println(
            "train  "
                + adapter
                + " was made for "
                + base
                + ", as its adapter_config.json says; on another model its answers are noise");
      }
    }
    if (method.adapters().map(Adapters::config).orElse(null) instanceof LoraConfig lora) {
      List<String> full =
          model.linears().entrySet().stream()
              .filter(e -> e.getValue().adapter().isPresent())
              .filter(e -> lora.rankOf(e.getKey()) > smallerSide(e.getValue()))
              .map(Map.Entry::getKey)
              .toList();
      if (!full.isEmpty()) {
        String first = full.getFirst();
        out.println(
            "train  WARNING: rank "
                + lora.rankOf(first)
                + " is above the smaller side of "
                + full.size()
                + " layers, "
                + smallerSide(model.linears().get(first))
                + " in "
                + first
                + ": no update has more rank than that. Lower lora_rank");
      }
    }
  }

  private static int smallerSide(Linear layer) {
    return Math.min(layer.weight().value().rows(), layer.weight().value().cols());
  }

  /** Which weights are packed, and how small. */
  private static void packed(
      PrintStream out, RunConfig config, ModelSession session, Decoder model) {
    List<Packing> packed =
        model.parameters().values().stream()
            .filter(p -> p.value().dtype() == DType.PACKED)
            .map(p -> p.value().packing())
            .toList();
    if (session.isQuantized() && config.quantization().isAsked()) {
      out.println("quant  quantization_bit has no effect: the checkpoint is quantized");
    }
    if (!packed.isEmpty()) {
      long bytes = packed.stream().mapToLong(Packing::bytes).sum();
      long values = packed.stream().mapToLong(p -> (long) p.rows() * p.cols()).sum();
      String names =
          packed.stream().map(Packing::name).distinct().sorted().collect(Collectors.joining(", "));
      out.printf(
          Locale.ROOT,
          "quant  %s: %,d matrices, %.2f bits a weight%n",
          names,
          packed.size(),
          8.0 * bytes / values);
    }
  }

  static MemoryPlan plan(
      RunConfig config, Decoder model, FineTuning method, TokenizedDataset data) {
    long frozen = 0;
    for (Parameter p : model.parameters().values()) {
      if (!p.isTrainable()) {
        frozen +=
            p.value().dtype() == DType.PACKED
                ? p.value().packing().bytes()
                : p.size() * p.value().dtype().bytes();
      }
    }
    long trained = method.trainable().stream().mapToLong(Parameter::size).sum();
    return MemoryPlan.of(
        new MemoryPlan.Shape(
            model.spec(),
            frozen,
            trained,
            OptimizerMemory.of(
                config,
                model.spec(),
                method.trainable().stream()
                    .map(
                        p ->
                            new OptimizerMemory.Trained(
                                p.name(),
                                p.value().shape().rank() == 2 ? p.value().rows() : p.size(),
                                p.value().shape().rank() == 2 ? p.value().cols() : 0))
                    .toList()),
            config.training().perDeviceTrainBatchSize() * longestRow(config, data),
            method.adapterFloatsPerBlock(),
            config.recomputesActivations()));
  }

  private static long longestRow(RunConfig config, TokenizedDataset data) {
    int cutoff = config.data().cutoffLen();
    if (config.finetuning().stage().isPairwise()) {
      return 2L * Math.min(data.counts().longest(), cutoff); // at most: answers share the prompt
    }
    return config.packing() ? cutoff : Math.min(data.counts().longest(), cutoff);
  }

  static void memory(PrintStream out, MemoryPlan plan, long limit) {
    StringJoiner parts = new StringJoiner(", ");
    plan.owners().forEach((owner, bytes) -> parts.add(owner + " " + gigabytes(bytes)));
    out.printf(
        Locale.ROOT,
        "memory  plan %s of %s: %s%n",
        gigabytes(plan.total()),
        gigabytes(limit),
        parts);
    if (plan.total() > limit) {
      out.println(
          "memory  WARNING: the plan is above what there is. Any of these lowers it:"
              + " per_device_train_batch_size, cutoff_len, gradient checkpointing, bf16: true.");
    }
  }

  private static String gigabytes(long bytes) {
    return String.format(Locale.ROOT, "%.2f GB", bytes / 1e9);
  }
}
