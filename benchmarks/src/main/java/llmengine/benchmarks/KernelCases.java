package llmengine.benchmarks;

import java.util.List;
import java.util.Map;

/**
 * What {@code kernels} measures: groups of a benchmark's methods with the parameters that they run
 * over.
 *
 * @param group name to choose it by
 * @param benchmark class and methods, a regular expression as JMH takes it
 * @param parameters values by name; all combinations run
 */
record KernelCases(String group, String benchmark, Map<String, List<String>> parameters) {
  private static final List<String> SHAPES =
      List.of(
          "576x576",
          "192x576",
          "1536x576",
          "576x1536",
          "896x896",
          "128x896",
          "4864x896",
          "896x4864",
          "2048x2048",
          "512x2048",
          "8192x2048",
          "2048x8192");

  private static KernelCases of(
      String group, Class<?> type, String methods, Map<String, List<String>> parameters) {
    return new KernelCases(
        group, type.getName().replace(".", "\\.") + "\\.(" + methods + ")$", parameters);
  }

  /** Everything: about ten minutes for each number of threads. */
  static List<KernelCases> all() {
    List<String> tokens = List.of("128", "512", "1024");
    return List.of(
        of(
            "gemm",
            MatmulBenchmark.class,
            "forward|inputGradient|weightGradient",
            gemm(SHAPES, tokens, "F32")),
        of(
            "gemm",
            MatmulBenchmark.class,
            "forward",
            gemm(List.of("49152x576"), List.of("128"), "F32")),
        of(
            "gemm16",
            MatmulBenchmark.class,
            "forward|inputGradient",
            gemm(SHAPES, tokens, "BF16", "F16")),
        of(
            "attention",
            AttentionBenchmark.class,
            "forward|backward",
            Map.of(
                "heads", List.of("9,3,64", "14,2,64", "32,8,64"),
                "sequences", List.of("4x256", "1x1024"))),
        of(
            "layers",
            LayerBenchmark.class,
            "rmsNorm|rmsNormBackward|layerNorm|layerNormBackward",
            shapes("1024x576", "1024x896", "1024x2048")),
        of(
            "layers",
            LayerBenchmark.class,
            "crossEntropy",
            shapes("256x49152", "128x151936", "128x128256")),
        of("layers", LayerBenchmark.class, "adamW", shapes("49152x576", "8192x2048")),
        of(
            "rows",
            PackedProductBenchmark.class,
            "product",
            rows(
                List.of("1536x576", "4096x1024", "8192x2048"),
                List.of("1", "4", "16"),
                "BF16",
                "F16",
                "Q8_0",
                "Q4_0",
                "Q4_K",
                "Q6_K",
                "NF4")));
  }

  /** A choice of them: about half a minute for each number of threads. */
  static List<KernelCases> quick() {
    List<String> shapes = List.of("576x576", "1536x576", "4864x896");
    List<String> tokens = List.of("512");
    return List.of(
        of(
            "gemm",
            MatmulBenchmark.class,
            "forward|inputGradient|weightGradient",
            gemm(shapes, tokens, "F32")),
        of(
            "gemm16",
            MatmulBenchmark.class,
            "forward|inputGradient",
            gemm(List.of("1536x576"), tokens, "BF16", "F16")),
        of(
            "attention",
            AttentionBenchmark.class,
            "forward|backward",
            Map.of("heads", List.of("9,3,64"), "sequences", List.of("4x256"))),
        of("layers", LayerBenchmark.class, "rmsNorm|rmsNormBackward", shapes("1024x576")),
        of("layers", LayerBenchmark.class, "crossEntropy", shapes("256x49152")),
        of("layers", LayerBenchmark.class, "adamW", shapes("49152x576")),
        of(
            "rows",
            PackedProductBenchmark.class,
            "product",
            rows(
                List.of("4096x1024"),
                List.of("1", "16"),
                "F16",
                "Q8_0",
                "Q4_0",
                "Q4_K",
                "Q6_K",
                "NF4")));
  }

  private static Map<String, List<String>> gemm(
      List<String> shapes, List<String> tokens, String... weights) {
    return Map.of("shape", shapes, "tokens", tokens, "weights", List.of(weights));
  }

  private static Map<String, List<String>> rows(
      List<String> shapes, List<String> tokens, String... formats) {
    return Map.of(
        "shape",
        shapes,
        "tokens",
        tokens,
        "format",
        List.of(formats),
        "activations",
        List.of("int8"));
  }

  private static Map<String, List<String>> shapes(String... shapes) {
    return Map.of("shape", List.of(shapes));
  }
}
