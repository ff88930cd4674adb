package llmengine.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import llmengine.engine.DType;
import llmengine.engine.Tensor;
import llmengine.engine.cpu.VectorBackend;
import llmengine.engine.cpu.x86.MachineCode;
import llmengine.nn.Decoder;
import llmengine.nn.Parameter;
import llmengine.nn.generate.Throughput;
import llmengine.nn.load.Pretrained;
import llmengine.train.TrainingThroughput;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code engine bench}: tokens a second of a model on this machine. */
@Command(
    name = "bench",
    description = {
      "Measure the tokens a second of a model: prompts (pp), generation (tg) and training steps"
          + " (lora, full), each after repetitions that are not counted, mean and standard"
          + " deviation of the others.",
      "Weights stay in the form of the checkpoint. Activations of prompts are float32, those of"
          + " generated tokens 8 bits where weights are in the codes of a GGUF type. Training is"
          + " that of train with rows of random tokens, all of them labelled; lora is of rank 8 on"
          + " all linear layers."
    },
    footer = {
      "%nExample: engine bench model.Q4_K_M.gguf --prompt 128,512 --generate 64 --batch 1,4,16",
      "         engine bench MODEL --prompt 0 --generate 0 --train lora,full bf16=true"
    })
final class BenchCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Parameters(
      index = "0",
      paramLabel = "MODEL",
      description = "Hugging Face directory or GGUF file.")
  private Path model;

  @Parameters(
      index = "1..*",
      arity = "0..*",
      paramLabel = "KEY=VALUE",
      description = "Keys of train for the training steps, such as bf16=true.")
  private List<String> words = new ArrayList<>();

  @Option(
      names = "--prompt",
      split = ",",
      defaultValue = "128,512",
      description = "Lengths of prompts; 0 leaves the test out. Default: ${DEFAULT-VALUE}.")
  private int[] prompt;

  @Option(
      names = "--generate",
      split = ",",
      defaultValue = "64",
      description = "Numbers of tokens to generate; 0 leaves the test out. Default: 64.")
  private int[] generate;

  @Option(
      names = "--batch",
      split = ",",
      defaultValue = "1,4,16",
      description = "Sequences that are generated together. Default: ${DEFAULT-VALUE}.")
  private int[] batch;

  @Option(
      names = "--train",
      split = ",",
      description = "Training steps to measure: lora, full. Default: none.")
  private String[] train = {};

  @Option(names = "--rows", defaultValue = "4", description = "Of a training step. Default: 4.")
  private int rows;

  @Option(
      names = "--length",
      defaultValue = "256",
      description = "Tokens of a row of a training step. Default: ${DEFAULT-VALUE}.")
  private int length;

  @Option(names = "--threads", description = "Threads that compute. Default: all processors.")
  private Integer threads;

  @Option(
      names = "--activations",
      defaultValue = "int8",
      description = "Of generated tokens with quantized weights: int8 or float32. Default: int8.")
  private String activations;

  @Option(names = "--repetitions", defaultValue = "5", description = "Of each test. Default: 5.")
  private int repetitions;

  @Option(
      names = "--warmup",
      paramLabel = "SECONDS",
      defaultValue = "3",
      description = "Before each test of prompts or generation. Default: ${DEFAULT-VALUE}.")
  private double warmUp;

  @Option(names = "--json", description = "Print a JSON list instead of a table.")
  private boolean json;

  @Override
  public Integer call() {
    require("--repetitions", 1, repetitions);
    require("--prompt", 0, prompt);
    require("--generate", 0, generate);
    require("--batch", 1, batch);
    if (!activations.equals("int8") && !activations.equals("float32")) {
      throw new ParameterException(
          spec.commandLine(), "--activations: expected int8 or float32, got " + activations + ".");
    }
    require("--rows", 1, rows);
    require("--length", 2, length);
    if (!(warmUp >= 0)) {
      throw new ParameterException(
          spec.commandLine(), "--warmup: expected 0 or more seconds, got " + warmUp + ".");
    }
    for (String method : train) {
      if (!method.equals("lora") && !method.equals("full")) {
        throw new ParameterException(
            spec.commandLine(), "--train: expected lora or full, got " + method + ".");
      }
    }
    if (threads != null) {
      require("--threads", 1, threads);
      System.setProperty("engine.threads", threads.toString()); // before the team starts
    }
    PrintWriter out = spec.commandLine().getOut();
    List<Throughput> results;
    Weights weights;
    int team;
    try (Pretrained files = Pretrained.open(model);
        VectorBackend backend = new VectorBackend();
        Decoder decoder = files.load(backend)) {
      backend.eightBitActivations(activations.equals("int8"));
      team = backend.threads();
      weights = Weights.of(decoder);
      results = results(decoder);
    }
    for (String method : train) {
      results.add(TrainingThroughput.of(model, method, rows, length, repetitions, words));
    }
    if (json) {
      json(out, results, weights, team);
    } else {
      table(out, results, weights, team);
    }
    return ExitCode.OK;
  }

  private void require(String option, int least, int... values) {
    for (int value : values) {
      if (value < least) {
        throw new ParameterException(
            spec.commandLine(), option + ": expected " + least + " or more, got " + value + ".");
      }
    }
  }

  private List<Throughput> results(Decoder decoder) {
    List<Throughput> results = new ArrayList<>();
    for (int tokens : prompt) {
      if (tokens > 0) {
        results.add(Throughput.prompt(decoder, tokens, repetitions, warmUp));
      }
    }
    for (int tokens : generate) {
      for (int sequences : batch) {
        if (tokens > 0) {
          results.add(Throughput.generation(decoder, tokens, sequences, repetitions, warmUp));
        }
      }
    }
    return results;
  }

  /** What a model's weights are: the form that takes most bytes, bytes, and their number. */
  private record Weights(String type, long bytes, long parameters, boolean hasCodes) {
    static Weights of(Decoder decoder) {
      Map<String, Long> bytes = new TreeMap<>();
      long all = 0;
      long parameters = 0;
      boolean codes = false;
      for (Parameter p : decoder.parameters().values()) {
        Tensor t = p.value();
        boolean packed = t.dtype() == DType.PACKED;
        long size = packed ? t.packing().bytes() : t.size() * t.dtype().bytes();
        bytes.merge(packed ? t.packing().name() : t.dtype().name(), size, Long::sum);
        all += size;
        codes |= packed && t.packing().codedRows().isPresent();
        parameters += p.size();
      }
      String type =
          bytes.entrySet().stream().max(Map.Entry.comparingByValue()).orElseThrow().getKey();
      return new Weights(type, all, parameters, codes);
    }
  }

  private void table(PrintWriter out, List<Throughput> results, Weights weights, int threads) {
    String row = "| %-30s | %8s | %9s | %7s | %8s | %18s |%n";
    out.printf(row, "model", "weights", "size", "threads", "test", "tokens/s");
    out.printf(row, "-".repeat(30), "---", "---:", "---:", "---", "---:");
    String name = model.getFileName().toString();
    for (Throughput r : results) {
      out.printf(
          Locale.ROOT,
          row,
          name.length() > 30 ? name.substring(0, 27) + "..." : name,
          weights.type,
          String.format(Locale.ROOT, "%.1f MB", weights.bytes / 1e6),
          threads,
          r.test(),
          String.format(Locale.ROOT, "%.2f ± %.2f", r.mean(), r.standardDeviation()));
    }
  }

  private void json(PrintWriter out, List<Throughput> results, Weights weights, int threads) {
    ObjectMapper mapper = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);
    ArrayNode list = mapper.createArrayNode();
    for (Throughput r : results) {
      ObjectNode one = list.addObject();
      one.put("model", model.toString());
      one.put("weights", weights.type);
      one.put("bytes", weights.bytes);
      one.put("parameters", weights.parameters);
      boolean codes = activations.equals("int8") && weights.hasCodes && r.test().startsWith("tg");
      one.put("arithmetic", codes ? "int8" : "float32");
      one.put("machine_code", MachineCode.description());
      one.put("threads", threads);
      one.put("vector_bits", VectorBackend.vectorBits());
      one.put("test", r.test());
      one.put("tokens_per_second", r.mean());
      one.put("standard_deviation", r.standardDeviation());
      ArrayNode samples = one.putArray("samples");
      for (double sample : r.samples()) {
        samples.add(sample);
      }
    }
    try {
      out.println(mapper.writeValueAsString(list));
    } catch (IOException e) {
      throw new UncheckedIOException("bench: can't be written as JSON", e);
    }
  }
}
