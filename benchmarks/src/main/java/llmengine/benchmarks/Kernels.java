package llmengine.benchmarks;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.StringJoiner;
import java.util.TreeSet;

/**
 * Entry point of benchmarks.jar. {@code kernels} measures the kernels and prints a compact table;
 * any other words go to JMH, which forks a JVM for each benchmark and set of parameters.
 */
public final class Kernels {
  private static final String USAGE =
      """
      usage: benchmarks.jar kernels [--quick] [--only gemm,gemm16,attention,layers,rows]
                                    [--threads 1,2] [--json FILE]
             benchmarks.jar <options of JMH>
      """;
  private static final List<String> FLAGS =
      List.of(
          "--add-modules=jdk.incubator.vector",
          "--enable-native-access=ALL-UNNAMED",
          "-Djdk.incubator.vector.VECTOR_ACCESS_OOB_CHECK=0",
          "-Djmh.ignoreLock=true",
          "--sun-misc-unsafe-memory-access=allow", // JMH, silently
          "-XX:+UseParallelGC",
          "-Xmx2g");

  private Kernels() {}

  public static void main(String[] args) throws IOException, InterruptedException {
    if (args.length == 0 || !args[0].equals("kernels")) {
      org.openjdk.jmh.Main.main(args);
      return;
    }
    boolean quick = false;
    String only = "all";
    List<String> threads =
        new TreeSet<>(List.of(1, Runtime.getRuntime().availableProcessors()))
            .stream().map(String::valueOf).toList();
    Path json = null;
    for (int i = 1; i < args.length; i++) {
      switch (args[i]) {
        case "--quick" -> quick = true;
        case "--only" -> only = args[++i];
        case "--threads" -> threads = Arrays.asList(args[++i].split(","));
        case "--json" -> json = Path.of(args[++i]);
        default -> {
          System.err.print(USAGE);
          System.exit(2);
        }
      }
    }
    ArrayNode reports = new ObjectMapper().createArrayNode();
    for (String n : threads) {
      reports.add(measure(n, only, quick));
    }
    print(reports);
    if (json != null) {
      new ObjectMapper().writerWithDefaultPrettyPrinter().writeValue(json.toFile(), reports);
    }
  }

  /** In a JVM of its own: the team of threads is one for a process. */
  private static JsonNode measure(String threads, String only, boolean quick)
      throws IOException, InterruptedException {
    Path out = Files.createTempFile("kernels", ".json");
    try {
      List<String> command = new ArrayList<>();
      command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
      command.addAll(FLAGS);
      String extra = System.getenv().getOrDefault("ENGINE_JAVA_OPTS", "").trim();
      if (!extra.isEmpty()) {
        command.addAll(Arrays.asList(extra.split("\\s+")));
      }
      command.add("-Dengine.threads=" + threads);
      command.add("-cp");
      command.add(classPath());
      command.add(KernelRun.class.getName());
      command.addAll(List.of(out.toString(), only, quick ? "quick" : "full"));
      int code = new ProcessBuilder(command).inheritIO().start().waitFor();
      if (code != 0) {
        throw new IllegalStateException("kernels: expected exit code 0, got " + code);
      }
      return new ObjectMapper().readTree(out.toFile());
    } finally {
      Files.delete(out);
    }
  }

  private static String classPath() {
    StringJoiner absolute = new StringJoiner(File.pathSeparator);
    for (String part : System.getProperty("java.class.path").split(File.pathSeparator)) {
      absolute.add(Path.of(part).toAbsolutePath().toString());
    }
    return absolute.toString();
  }

  private static void print(ArrayNode reports) {
    for (JsonNode report : reports) {
      System.out.printf(
          Locale.ROOT,
          "%d threads, %d-bit vectors, machine code: %s%nroofs: %.0f GFLOP/s, %.1f GB/s read, %.1f"
              + " GB/s triad%n",
          report.path("threads").asInt(),
          report.path("vector_bits").asInt(),
          report.path("machine_code").asText(),
          report.path("fma_gflops").asDouble(),
          report.path("read_gbytes").asDouble(),
          report.path("triad_gbytes").asDouble());
      System.out.printf(
          "%-10s %-18s %-28s %9s %8s %6s%n", "group", "kernel", "case", "GFLOP/s", "GB/s", "roof");
      for (JsonNode row : report.path("rows")) {
        StringJoiner parameters = new StringJoiner(" ");
        for (String name : List.of("shape", "heads", "sequences", "tokens", "weights", "format")) {
          if (row.has(name)) {
            parameters.add((name.equals("tokens") ? "M " : "") + row.path(name).asText());
          }
        }
        System.out.printf(
            Locale.ROOT,
            "%-10s %-18s %-28s %9s %8s %5.0f%%%n",
            row.path("group").asText(),
            row.path("kernel").asText(),
            parameters,
            number(row.path("gflop")),
            number(row.path("gbytes")),
            100 * row.path("roof").asDouble());
      }
      System.out.println();
    }
  }

  private static String number(JsonNode value) {
    return value.isMissingNode() ? "" : String.format(Locale.ROOT, "%.1f", value.asDouble());
  }
}
