package llmengine.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.Field;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;

class KernelCasesTest {
  private static final List<Class<?>> BENCHMARKS =
      List.of(
          MatmulBenchmark.class,
          AttentionBenchmark.class,
          LayerBenchmark.class,
          PackedProductBenchmark.class);

  static Stream<KernelCases> cases() {
    return Stream.concat(KernelCases.all().stream(), KernelCases.quick().stream());
  }

  @ParameterizedTest
  @MethodSource("cases")
  void namesBenchmarksThatExistAndGivesAllTheirParameters(KernelCases cases) {
    Pattern pattern = Pattern.compile(cases.benchmark());
    List<Class<?>> meant =
        BENCHMARKS.stream()
            .filter(type -> methods(type).anyMatch(name -> pattern.matcher(name).find()))
            .toList();
    assertThat(meant).as(cases.benchmark()).hasSize(1);
    long alternatives = cases.benchmark().chars().filter(c -> c == '|').count() + 1;
    assertThat(methods(meant.getFirst()).filter(name -> pattern.matcher(name).find()))
        .hasSize((int) alternatives);
    Set<String> parameters =
        Arrays.stream(meant.getFirst().getDeclaredFields())
            .filter(field -> field.isAnnotationPresent(Param.class))
            .map(Field::getName)
            .collect(Collectors.toSet());
    assertThat(cases.parameters().keySet()).isEqualTo(parameters);
  }

  private static Stream<String> methods(Class<?> type) {
    return Arrays.stream(type.getDeclaredMethods())
        .filter(method -> method.isAnnotationPresent(Benchmark.class))
        .map(method -> type.getName() + "." + method.getName());
  }
}
