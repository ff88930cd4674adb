package llmengine.train.plan;

import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import llmengine.peft.LlamaPro;
import llmengine.peft.OftConfig;
import llmengine.peft.Placement;
import llmengine.peft.Targets;
import llmengine.train.config.FreezeArguments;
import llmengine.train.config.LoraArguments;
import llmengine.train.config.OftArguments;
import llmengine.train.config.RunConfig;
import llmengine.train.plan.WeightList.Weight;

/**
 * Which elements a run trains.
 *
 * @param added elements of adapters and of copies that modules_to_save makes
 * @param weights of the model that are trained themselves, by name
 * @param floatsPerBlock what the adapters of a block keep for a token until its backward pass
 * @param lowestBlock the first block whose backward pass is needed; the number of blocks for none
 */
record TrainedPart(long added, Set<String> weights, int floatsPerBlock, int lowestBlock) {
  private static final Pattern BLOCK = Pattern.compile("model\\.layers\\.(\\d+)\\.(.*)");

  static TrainedPart of(RunConfig config, List<Weight> weights, int blocks) {
    return switch (config.finetuning().finetuningType()) {
      case LORA, OFT -> adapter(config, weights, blocks);
      case FULL ->
          new TrainedPart(0, weights.stream().map(Weight::name).collect(Collectors.toSet()), 0, 0);
      case FREEZE -> freeze(config, weights, blocks);
    };
  }

  private static TrainedPart adapter(RunConfig config, List<Weight> weights, int blocks) {
    LoraArguments lora = config.lora();
    Targets targets = Targets.of(lora.loraTarget());
    List<Integer> added = config.finetuning().useLlamaPro() ? addedBlocks(config, blocks) : null;
    long elements = 0;
    long floats = 0;
    for (Weight w : weights) {
      boolean whole = config.modulesToSave().stream().anyMatch(end -> w.module().endsWith(end));
      if (whole) {
        elements += w.size();
      } else if (w.isMatrix()
          && (w.isBlockLinear() || !lora.targetsAll())
          && targets.matches(w.module())
          && (added == null || added.contains(block(w)))) {
        elements += adapterElements(config, w);
        floats += w.isBlockLinear() ? floatsPerToken(config, w) : 0;
      }
    }
    boolean tied = weights.stream().noneMatch(w -> w.module().equals("lm_head"));
    if (tied && config.modulesToSave().stream().anyMatch("lm_head"::endsWith)) {
      elements += weights.getFirst().size(); // the token table's copy becomes the head's own
    }
    int lowest = added == null ? 0 : added.getFirst();
    return new TrainedPart(elements, Set.of(), (int) Math.ceilDiv(floats, (long) blocks), lowest);
  }

  private static long adapterElements(RunConfig config, Weight w) {
    if (!config.isLora()) {
      return oft(config).parametersOf((int) w.cols());
    }
    long magnitudes = config.lora().useDora() ? w.rows() : 0;
    return config.lora().loraRank() * (w.rows() + w.cols()) + magnitudes;
  }

  private static long floatsPerToken(RunConfig config, Weight w) {
    if (!config.isLora()) {
      return w.cols();
    }
    return config.lora().loraRank() + (config.lora().useDora() ? w.rows() : 0);
  }

  private static OftConfig oft(RunConfig config) {
    OftArguments o = config.oft();
    return new OftConfig(
        o.oftRank(), o.oftBlockSize(), 0, OftConfig.TERMS, Placement.of(new Targets.All()));
  }

  private static int block(Weight w) {
    Matcher m = BLOCK.matcher(w.name());
    return m.matches() ? Integer.parseInt(m.group(1)) : -1;
  }

  private static List<Integer> addedBlocks(RunConfig config, int blocks) {
    return LlamaPro.addedBlocks(blocks, config.freeze().freezeTrainableLayers());
  }

  private static TrainedPart freeze(RunConfig config, List<Weight> weights, int blocks) {
    FreezeArguments freeze = config.freeze();
    int n = freeze.freezeTrainableLayers();
    int from = n > 0 ? Math.max(0, blocks - n) : 0;
    int to = n > 0 ? blocks : Math.min(blocks, -n);
    List<Integer> trained =
        config.finetuning().useLlamaPro()
            ? addedBlocks(config, blocks)
            : IntStream.range(from, to).boxed().toList();
    List<String> modules = freeze.freezeTrainableModules();
    Predicate<Weight> within =
        w -> {
          Matcher m = BLOCK.matcher(w.name());
          if (!m.matches()) {
            return freeze.freezeExtraModules().stream().anyMatch(w.name()::contains);
          }
          return trained.contains(Integer.parseInt(m.group(1)))
              && (modules.contains("all")
                  || modules.stream().anyMatch(name -> m.group(2).startsWith(name + ".")));
        };
    Set<String> names =
        weights.stream().filter(within).map(Weight::name).collect(Collectors.toSet());
    boolean table = names.contains("model.embed_tokens.weight");
    return new TrainedPart(0, names, 0, table || trained.isEmpty() ? 0 : trained.getFirst());
  }
}
