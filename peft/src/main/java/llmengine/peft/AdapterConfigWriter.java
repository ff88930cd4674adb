package llmengine.peft;

import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import llmengine.engine.FormatException;

/** Writes {@code adapter_config.json} as PEFT 0.18 does: all keys, sorted. */
final class AdapterConfigWriter {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String LAYOUT = "0.18.1";

  private AdapterConfigWriter() {}

  /** Writes or replaces the file. */
  static void write(Path directory, AdapterConfig config, String baseModel) {
    Map<String, Object> all = new TreeMap<>();
    Placement placement = config.placement();
    all.put("auto_mapping", null);
    all.put("base_model_name_or_path", baseModel);
    all.put("bias", "none");
    all.put("exclude_modules", placement.excluded().map(AdapterConfigWriter::value).orElse(null));
    all.put("fan_in_fan_out", false);
    all.put("inference_mode", true);
    all.put("layers_pattern", orNull(placement.layersPattern()));
    all.put("layers_to_transform", orNull(placement.layers()));
    all.put("modules_to_save", orNull(placement.modulesToSave()));
    all.put("peft_version", LAYOUT);
    all.put("revision", null);
    all.put("target_modules", value(placement.targets()));
    all.put("task_type", "CAUSAL_LM");
    switch (config) {
      case LoraConfig lora -> lora(all, lora);
      case OftConfig oft -> oft(all, oft);
    }
    Path file = directory.resolve(AdapterConfigFile.NAME);
    Path temporary = directory.resolve("." + AdapterConfigFile.NAME + ".tmp");
    DefaultPrettyPrinter printer = new DefaultPrettyPrinter();
    printer.indentArraysWith(DefaultIndenter.SYSTEM_LINEFEED_INSTANCE);
    try {
      Files.write(temporary, JSON.writer(printer).writeValueAsBytes(all));
      Files.move(
          temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      throw new FormatException(
          file
              + ": can't be written: expected room for it and write permission, got "
              + e
              + ". Free space or choose another directory.",
          e);
    }
  }

  private static void lora(Map<String, Object> all, LoraConfig config) {
    for (String absent :
        List.of(
            "alora_invocation_tokens",
            "arrow_config",
            "corda_config",
            "eva_config",
            "layer_replication",
            "megatron_config",
            "target_parameters",
            "trainable_token_indices")) {
      all.put(absent, null);
    }
    for (String off : List.of("ensure_weight_tying", "lora_bias", "use_qalora")) {
      all.put(off, false);
    }
    all.put("alpha_pattern", sorted(config.alphaPattern()));
    all.put(
        "init_lora_weights",
        switch (config.start()) {
          case LoraStart.Plain plain -> true;
          case LoraStart.Pissa pissa ->
              pissa.iterations() == LoraStart.Pissa.EXACT
                  ? "pissa"
                  : "pissa_niter_" + pissa.iterations();
          case LoraStart.Loftq loftq -> "loftq";
        });
    all.put(
        "loftq_config",
        config.start() instanceof LoraStart.Loftq loftq
            ? sorted(Map.of("loftq_bits", LoraStart.Loftq.BITS, "loftq_iter", loftq.iterations()))
            : Map.of());
    all.put("lora_alpha", whole(config.alpha()));
    all.put("lora_dropout", config.dropout());
    all.put("megatron_core", "megatron.core");
    all.put("peft_type", "LORA");
    all.put("qalora_group_size", 16);
    all.put("r", config.rank());
    all.put("rank_pattern", sorted(config.rankPattern()));
    all.put("use_dora", config.dora());
    all.put("use_rslora", config.rsLora());
  }

  private static void oft(Map<String, Object> all, OftConfig config) {
    all.put("block_share", false);
    all.put("coft", false);
    all.put("eps", 6e-05);
    all.put("init_weights", true);
    all.put("module_dropout", config.moduleDropout());
    all.put("num_cayley_neumann_terms", config.terms() > 0 ? config.terms() : OftConfig.TERMS);
    all.put("oft_block_size", config.blockSize());
    all.put("peft_type", "OFT");
    all.put("r", config.rank());
    all.put("use_cayley_neumann", config.terms() > 0);
  }

  private static Object value(Targets targets) {
    return switch (targets) {
      case Targets.All all -> "all-linear";
      case Targets.Names names -> names.names();
      case Targets.Regex regex -> regex.pattern();
    };
  }

  /** PEFT sorts patterns when it saves. */
  private static Map<String, Object> sorted(Map<String, ?> patterns) {
    Map<String, Object> sorted = new TreeMap<>();
    patterns.forEach((k, v) -> sorted.put(k, v instanceof Double d ? whole(d) : v));
    return sorted;
  }

  private static List<?> orNull(List<?> list) {
    return list.isEmpty() ? null : list;
  }

  /** A number without a fraction is written as an integer. */
  private static Number whole(double value) {
    return value == Math.rint(value) ? (Number) (long) value : (Number) value;
  }
}
