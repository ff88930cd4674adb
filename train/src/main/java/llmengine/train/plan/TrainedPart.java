package llmengine.train.plan;

import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import llmengine.peft.Targets;
import llmengine.train.config.FreezeArguments;
import llmengine.train.config.LoraArguments;
import llmengine.train.config.RunConfig;
import llmengine.train.plan.WeightList.Weight;

/**
 * Which elements a run trains.
 *
 * @param added elements of adapters and of copies that modules_to_save makes
 * @param weights of the model that are trained themselves, by name
 * @param rankPerBlock sum of the ranks of the adapters in a block
 * @param lowestBlock the first block whose backward pass is needed; the number of blocks for none
 */
record TrainedPart(long added, Set<String> weights, int rankPerBlock, int lowestBlock) {
  private static final Pattern BLOCK = Pattern.compile("model\\.layers\\.(\\d+)\\.(.*)");

  static TrainedPart of(RunConfig config, List<Weight> weights, int blocks) {
    return switch (config.finetuning().finetuningType()) {
      case LORA -> lora(config.lora(), weights);
      case FULL ->
          new TrainedPart(0, weights.stream().map(Weight::name).collect(Collectors.toSet()), 0, 0);
      case FREEZE -> freeze(config.freeze(), weights, blocks);
    };
  }

  private static TrainedPart lora(LoraArguments lora, List<Weight> weights) {
    Targets targets = Targets.of(lora.loraTarget());
    long added = 0;
    long ranks = 0;
    for (Weight w : weights) {
      boolean whole = lora.additionalTarget().stream().anyMatch(end -> w.module().endsWith(end));
      if (whole) {
        added += w.size();
      } else if (w.isMatrix()
          && (w.isBlockLinear() || !lora.targetsAll())
          && targets.matches(w.module())) {
        added += lora.loraRank() * (w.rows() + w.cols());
        ranks += w.name().startsWith("model.layers.0.") ? lora.loraRank() : 0;
      }
    }
    return new TrainedPart(added, Set.of(), (int) ranks, 0);
  }

  private static TrainedPart freeze(FreezeArguments freeze, List<Weight> weights, int blocks) {
    int n = freeze.freezeTrainableLayers();
    int from = n > 0 ? Math.max(0, blocks - n) : 0;
    int to = n > 0 ? blocks : Math.min(blocks, -n);
    List<String> modules = freeze.freezeTrainableModules();
    Predicate<Weight> within =
        w -> {
          Matcher m = BLOCK.matcher(w.name());
          if (!m.matches()) {
            return freeze.freezeExtraModules().stream().anyMatch(w.name()::contains);
          }
          int block = Integer.parseInt(m.group(1));
          return block >= from
              && block < to
              && (modules.contains("all")
                  || modules.stream().anyMatch(name -> m.group(2).startsWith(name + ".")));
        };
    Set<String> names =
        weights.stream().filter(within).map(Weight::name).collect(Collectors.toSet());
    boolean table = names.contains("model.embed_tokens.weight");
    return new TrainedPart(0, names, 0, table ? 0 : from);
  }
}
