package llmengine.train;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import llmengine.nn.model.DecoderSpec;
import llmengine.nn.optim.ParameterRule;
import llmengine.nn.optim.RatioOptimizer;
import llmengine.train.config.BadamArguments;
import llmengine.train.config.OptimizerArguments;
import llmengine.train.config.RunConfig;

/**
 * What gradients and an optimizer's state take, from the shapes of the trained weights alone.
 *
 * @param gradients bytes at the end of a backward pass, and of an update on its way
 * @param state bytes for as long as the run
 */
public record OptimizerMemory(long gradients, long state) {
  private static final Pattern BLOCK = Pattern.compile("layers\\.(\\d+)\\.");

  /**
   * A trained weight.
   *
   * @param rows N
   * @param cols K; 0 for a vector
   */
  public record Trained(String name, long rows, long cols) {
    long size() {
      return cols == 0 ? rows : rows * cols;
    }

    Optional<String> matrix() {
      return cols == 0 ? Optional.empty() : Optional.of(name);
    }

    int[] shape() {
      int n = Math.toIntExact(rows);
      return cols == 0 ? new int[] {n} : new int[] {n, Math.toIntExact(cols)};
    }
  }

  public static OptimizerMemory of(RunConfig config, DecoderSpec spec, List<Trained> weights) {
    long gradients = 4 * weights.stream().mapToLong(Trained::size).sum();
    if (config.isBadamByRatio()) {
      return byRatio(config.badam(), weights);
    }
    if (config.badam().useBadam()) {
      Map<String, Long> blocks = new HashMap<>();
      for (Trained w : weights) {
        Matcher block = BLOCK.matcher(w.name());
        if (block.find()) {
          blocks.merge(block.group(1), w.size(), Long::sum);
        }
      }
      long largest = blocks.values().stream().mapToLong(n -> n).max().orElse(0);
      return new OptimizerMemory(4 * largest, 8 * largest);
    }
    long largest = 4 * weights.stream().mapToLong(Trained::size).max().orElse(0);
    if (config.isLayerwise()) {
      long table = table(spec, weights);
      gradients =
          table
              + 4
                  * weights.stream()
                      .filter(w -> table == 0 || !isTable(w))
                      .mapToLong(Trained::size)
                      .max()
                      .orElse(0);
    }
    if (config.galore().useGalore() || config.apollo().useApollo()) {
      gradients += largest; // the update that is computed from one
    }
    return new OptimizerMemory(gradients, bytes(config, spec, weights));
  }

  /** Bytes of the gradient of a table used at both ends of the model: it stays till the end. */
  private static long table(DecoderSpec spec, List<Trained> weights) {
    return 4
        * weights.stream().filter(w -> spec.tied() && isTable(w)).mapToLong(Trained::size).sum();
  }

  private static boolean isTable(Trained weight) {
    return weight.name().contains("embed_tokens");
  }

  /** Chosen entries with their moments and places, and one whole gradient at a time. */
  private static OptimizerMemory byRatio(BadamArguments badam, List<Trained> weights) {
    long chosen = 0;
    long largest = 0;
    for (Trained w : weights) {
      if (RatioOptimizer.isTrained(w.name())) {
        chosen += RatioOptimizer.chosen(w.size(), badam.badamUpdateRatio());
        largest = Math.max(largest, w.size());
      }
    }
    boolean places = badam.badamMaskMode() == RatioOptimizer.Mask.SCATTER;
    return new OptimizerMemory(4 * largest, (places ? 16 : 12) * chosen);
  }

  /** Bytes of state. */
  private static long bytes(RunConfig config, DecoderSpec spec, List<Trained> weights) {
    Optional<ParameterRule> rule =
        Optimizers.rule(
            config, spec, weights.stream().map(Trained::matrix).flatMap(Optional::stream).toList());
    long perWeight = config.optimizer().optim() == OptimizerArguments.Optimizer.SGD ? 0 : 8;
    long sum = 0;
    for (Trained w : weights) {
      if (rule.isEmpty()) {
        sum += perWeight * w.size();
        continue;
      }
      for (var kept : rule.get().state(w.name(), w.shape()).entrySet()) {
        long elements = Arrays.stream(kept.getValue()).asLongStream().reduce(1, (a, b) -> a * b);
        sum += elements * rule.get().dtype(kept.getKey(), w.shape()).bytes();
      }
    }
    return sum;
  }
}
