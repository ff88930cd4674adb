package llmengine.benchmarks;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import llmengine.engine.cpu.VectorBackend;
import llmengine.engine.cpu.x86.MachineCode;
import org.openjdk.jmh.results.IterationResult;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/**
 * The kernels in this process, one after the other, as they run in a training or an answer: after
 * what came before. Figures are medians of iterations.
 */
public final class KernelRun {
  private KernelRun() {}

  /**
   * @param args file to write to, groups parted by commas or {@code all}, {@code quick} or {@code
   *     full}
   */
  public static void main(String[] args) throws IOException, RunnerException {
    boolean quick = args[2].equals("quick");
    List<String> groups = Arrays.asList(args[1].split(","));
    int threads;
    try (VectorBackend backend = new VectorBackend()) {
      threads = backend.threads();
    }
    Roofs roofs = Roofs.of(threads);
    Map<String, Object> report = new LinkedHashMap<>();
    report.put("threads", threads);
    report.put("vector_bits", VectorBackend.vectorBits());
    report.put("machine_code", MachineCode.description());
    report.put("fma_gflops", roofs.gflops());
    report.put("read_gbytes", roofs.readGbytes());
    report.put("triad_gbytes", roofs.triadGbytes());
    List<Map<String, Object>> rows = new ArrayList<>();
    for (KernelCases cases : quick ? KernelCases.quick() : KernelCases.all()) {
      if (groups.contains("all") || groups.contains(cases.group())) {
        warm(cases);
        for (RunResult result : run(cases, 1, quick ? 100 : 300, 3, quick ? 100 : 200)) {
          rows.add(row(cases, result, threads));
        }
      }
    }
    report.put("rows", rows);
    new ObjectMapper()
        .writerWithDefaultPrettyPrinter()
        .writeValue(Path.of(args[0]).toFile(), report);
  }

  /** Lets the compiler see a group's kernels, with weights of all forms, before one is measured. */
  private static void warm(KernelCases cases) throws RunnerException {
    Map<String, List<String>> few = new LinkedHashMap<>();
    cases
        .parameters()
        .forEach(
            (name, values) ->
                few.put(
                    name,
                    name.equals("weights") || name.equals("format")
                        ? values
                        : List.of(values.getFirst())));
    run(new KernelCases(cases.group(), cases.benchmark(), few), 0, 0, 1, 300);
  }

  private static Collection<RunResult> run(
      KernelCases cases, int warmups, int warmupMillis, int iterations, int millis)
      throws RunnerException {
    ChainedOptionsBuilder options =
        new OptionsBuilder()
            .include(cases.benchmark())
            .forks(0)
            .verbosity(VerboseMode.SILENT)
            .shouldFailOnError(true)
            .warmupIterations(warmups)
            .warmupTime(TimeValue.milliseconds(warmupMillis))
            .measurementIterations(iterations)
            .measurementTime(TimeValue.milliseconds(millis));
    cases
        .parameters()
        .forEach((name, values) -> options.param(name, values.toArray(String[]::new)));
    return new Runner(options.build()).run();
  }

  private static Map<String, Object> row(KernelCases cases, RunResult result, int threads) {
    Map<String, Object> row = new LinkedHashMap<>();
    String name = result.getParams().getBenchmark();
    row.put("group", cases.group());
    row.put("kernel", name.substring(name.lastIndexOf('.') + 1));
    for (String parameter : result.getParams().getParamsKeys()) {
      row.put(parameter, result.getParams().getParam(parameter));
    }
    row.put("threads", threads);
    for (String counter : List.of("gflop", "gbytes", "roof")) {
      double median = median(result, counter);
      if (median > 0) {
        row.put(counter, median);
      }
    }
    return row;
  }

  private static double median(RunResult result, String counter) {
    double[] values =
        result.getBenchmarkResults().stream()
            .flatMap(b -> b.getIterationResults().stream())
            .map(IterationResult::getSecondaryResults)
            .map(secondary -> secondary.get(counter))
            .mapToDouble(Result::getScore)
            .sorted()
            .toArray();
    return values[values.length / 2];
  }
}
