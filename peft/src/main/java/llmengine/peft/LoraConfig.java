package llmengine.peft;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Settings of a LoRA adapter (Hu et al. 2021), as PEFT's {@code adapter_config.json} has them.
 *
 * @param rank R
 * @param alpha numerator of the scale
 * @param dropout probability of dropping an input of the adapter while training
 * @param rsLora scale alpha / sqrt(R) instead of alpha / R (Kalajdzievski 2023)
 * @param targets which layers get an adapter
 * @param excluded layers left out though targeted
 * @param layers indices of the blocks that get one; empty for all
 * @param layersPattern names of the list that the indices count; empty for any
 * @param rankPattern other ranks by module pattern; the first that matches wins
 * @param alphaPattern other alphas by module pattern
 * @param modulesToSave name ends of modules trained and saved whole ({@code additional_target})
 */
public record LoraConfig(
    int rank,
    double alpha,
    double dropout,
    boolean rsLora,
    Targets targets,
    Optional<Targets> excluded,
    List<Integer> layers,
    List<String> layersPattern,
    Map<String, Integer> rankPattern,
    Map<String, Double> alphaPattern,
    List<String> modulesToSave) {

  public LoraConfig {
    layers = List.copyOf(layers);
    layersPattern = List.copyOf(layersPattern);
    rankPattern = new LinkedHashMap<>(rankPattern); // the order decides
    alphaPattern = new LinkedHashMap<>(alphaPattern);
    modulesToSave = List.copyOf(modulesToSave);
  }

  /** A configuration without patterns, for all layers that the targets name. */
  public static LoraConfig of(int rank, double alpha, Targets targets) {
    return new LoraConfig(
        rank,
        alpha,
        0,
        false,
        targets,
        Optional.empty(),
        List.of(),
        List.of(),
        Map.of(),
        Map.of(),
        List.of());
  }

  public LoraConfig withDropout(double p) {
    return new LoraConfig(
        rank,
        alpha,
        p,
        rsLora,
        targets,
        excluded,
        layers,
        layersPattern,
        rankPattern,
        alphaPattern,
        modulesToSave);
  }

  public LoraConfig withRsLora(boolean on) {
    return new LoraConfig(
        rank,
        alpha,
        dropout,
        on,
        targets,
        excluded,
        layers,
        layersPattern,
        rankPattern,
        alphaPattern,
        modulesToSave);
  }

  public LoraConfig withTargets(Targets other) {
    return new LoraConfig(
        rank,
        alpha,
        dropout,
        rsLora,
        other,
        excluded,
        layers,
        layersPattern,
        rankPattern,
        alphaPattern,
        modulesToSave);
  }

  public LoraConfig withModulesToSave(List<String> names) {
    return new LoraConfig(
        rank,
        alpha,
        dropout,
        rsLora,
        targets,
        excluded,
        layers,
        layersPattern,
        rankPattern,
        alphaPattern,
        names);
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

  /** Whether a layer of this name gets an adapter. */
  boolean isTarget(String module) {
    if (excluded.isPresent() && excluded.get().matches(module)) {
      return false;
    }
    for (String saved : modulesToSave) {
      if (Pattern.compile("(^|.*\\.)" + saved + "($|\\..*)").matcher(module).lookingAt()) {
        return false; // what is trained whole has no adapter
      }
    }
    return targets.matches(module) && (layers.isEmpty() || layers.contains(layerOf(module)));
  }

  /** Index of the block a module lies in; -1 if it lies in none. */
  private int layerOf(String module) {
    List<String> names = layersPattern.isEmpty() ? List.of("[^.]*") : layersPattern;
    for (String name : names) {
      Matcher m = Pattern.compile(".*\\." + name + "\\.(\\d+)\\.").matcher(module);
      if (m.lookingAt()) {
        return Integer.parseInt(m.group(1));
      }
    }
    return -1;
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
