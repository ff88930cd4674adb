package llmengine.peft;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * Settings of a LoRA adapter (Hu et al. 2021).
 *
 * @param rank R
 * @param alpha numerator of the scale
 * @param dropout probability of dropping an input of the adapter while training
 * @param rsLora scale alpha / sqrt(R) instead of alpha / R (Kalajdzievski 2023)
 * @param dora magnitudes of the outputs are learned apart from their directions (Liu et al. 2024)
 * @param start what a new adapter begins with, and the base weights below it
 * @param rankPattern other ranks by module pattern; the first that matches wins
 * @param alphaPattern other alphas by module pattern
 */
public record LoraConfig(
    int rank,
    double alpha,
    double dropout,
    boolean rsLora,
    boolean dora,
    LoraStart start,
    Placement placement,
    Map<String, Integer> rankPattern,
    Map<String, Double> alphaPattern)
    implements AdapterConfig {

  public LoraConfig {
    rankPattern = new LinkedHashMap<>(rankPattern); // the order decides
    alphaPattern = new LinkedHashMap<>(alphaPattern);
  }

  /** A configuration without patterns, for all layers that the targets name. */
  public static LoraConfig of(int rank, double alpha, Targets targets) {
    return new LoraConfig(
        rank,
        alpha,
        0,
        false,
        false,
        new LoraStart.Plain(),
        Placement.of(targets),
        Map.of(),
        Map.of());
  }

  public LoraConfig withDropout(double p) {
    return new LoraConfig(
        rank, alpha, p, rsLora, dora, start, placement, rankPattern, alphaPattern);
  }

  public LoraConfig withRsLora(boolean on) {
    return new LoraConfig(
        rank, alpha, dropout, on, dora, start, placement, rankPattern, alphaPattern);
  }

  public LoraConfig withDora(boolean on) {
    return new LoraConfig(
        rank, alpha, dropout, rsLora, on, start, placement, rankPattern, alphaPattern);
  }

  public LoraConfig withStart(LoraStart other) {
    return new LoraConfig(
        rank, alpha, dropout, rsLora, dora, other, placement, rankPattern, alphaPattern);
  }

  @Override
  public LoraConfig withPlacement(Placement other) {
    return new LoraConfig(
        rank, alpha, dropout, rsLora, dora, start, other, rankPattern, alphaPattern);
  }

  public LoraConfig withModulesToSave(List<String> names) {
    return withPlacement(placement.withModulesToSave(names));
  }

  /** Other ranks and alphas by module pattern. */
  public LoraConfig withPatterns(Map<String, Integer> ranks, Map<String, Double> alphas) {
    return new LoraConfig(rank, alpha, dropout, rsLora, dora, start, placement, ranks, alphas);
  }

  /**
   * The plain configuration of twice the rank and the same scale, for two adapters side by side.
   */
  LoraConfig doubled() {
    double factor = rsLora ? Math.sqrt(2) : 2;
    Map<String, Integer> ranks = new LinkedHashMap<>();
    rankPattern.forEach((k, r) -> ranks.put(k, 2 * r));
    Map<String, Double> alphas = new LinkedHashMap<>();
    alphaPattern.forEach((k, a) -> alphas.put(k, factor * a));
    return new LoraConfig(
        2 * rank,
        factor * alpha,
        dropout,
        rsLora,
        dora,
        new LoraStart.Plain(),
        placement,
        ranks,
        alphas);
  }

  @Override
  public boolean hasDropout() {
    return dropout > 0;
  }

  /** R of a module, by its name. */
  public int rankOf(String module) {
    return firstMatch(rankPattern, module).orElse(rank);
  }

  /** alpha / R of a module, or alpha / sqrt(R) with rsLora. */
  public float scaleOf(String module) {
    int r = rankOf(module);
    double a = firstMatch(alphaPattern, module).orElse(alpha);
    return (float) (rsLora ? a / Math.sqrt(r) : a / r);
  }

  private static <T> Optional<T> firstMatch(Map<String, T> patterns, String module) {
    for (Map.Entry<String, T> entry : patterns.entrySet()) {
      if (Pattern.compile("(.*\\.)?(" + entry.getKey() + ")").matcher(module).matches()) {
        return Optional.of(entry.getValue());
      }
    }
    return Optional.empty();
  }
}
