package llmengine.peft;

import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Where an adapter sits, whatever its method.
 *
 * @param targets which layers get an adapter
 * @param excluded layers left out though targeted
 * @param layers indices of the blocks that get one; empty for all
 * @param layersPattern names of the list that the indices count; empty for any
 * @param modulesToSave name ends of modules trained and saved whole ({@code additional_target})
 */
public record Placement(
    Targets targets,
    Optional<Targets> excluded,
    List<Integer> layers,
    List<String> layersPattern,
    List<String> modulesToSave) {

  public Placement {
    layers = List.copyOf(layers);
    layersPattern = List.copyOf(layersPattern);
    modulesToSave = List.copyOf(modulesToSave);
  }

  /** All layers that the targets name. */
  public static Placement of(Targets targets) {
    return new Placement(targets, Optional.empty(), List.of(), List.of(), List.of());
  }

  public Placement withTargets(Targets other) {
    return new Placement(other, excluded, layers, layersPattern, modulesToSave);
  }

  public Placement withModulesToSave(List<String> names) {
    return new Placement(targets, excluded, layers, layersPattern, names);
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
}
