package llmengine.train.config;

import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Every key there is. A key is in exactly one place: supported (declared on a record component), of
 * no meaning here, later, or derived.
 */
final class Keys {

  /** The records of supported keys in the order of the documentation. */
  static final List<Class<? extends Record>> SECTIONS =
      List.of(
          ModelArguments.class,
          VocabularyArguments.class,
          QuantizationArguments.class,
          DataArguments.class,
          FinetuningArguments.class,
          LoraArguments.class,
          OftArguments.class,
          FreezeArguments.class,
          PreferenceArguments.class,
          PpoArguments.class,
          TokenLossArguments.class,
          GeneratingArguments.class,
          ExportArguments.class,
          EngineArguments.class,
          ServeArguments.class,
          TrainingArguments.class,
          OptimizerArguments.class,
          GaloreArguments.class,
          ApolloArguments.class,
          BadamArguments.class,
          EvaluationArguments.class,
          CheckpointArguments.class,
          LoggingArguments.class,
          ProfilerArguments.class);

  /**
   * Names that LLaMA-Factory's own objects carry but no configuration may give, and their source.
   */
  static final Map<String, String> DERIVED =
      Map.of(
          "compute_dtype", "bf16, pure_bf16 and infer_dtype",
          "device_map", "device",
          "model_max_length", "cutoff_len",
          "block_diag_attn", "neat_packing",
          "megatron_bridge_args", "nothing",
          "_kt_inference_config", "nothing",
          "_kt_config_handle", "nothing",
          "_kt_adapter_artifact_path", "nothing");

  /** Supported keys by name. Records are read by reflection here and nowhere else. */
  static final Map<String, KeySpec> SUPPORTED = supported();

  private Keys() {}

  private static Map<String, KeySpec> supported() {
    Map<String, KeySpec> specs = new LinkedHashMap<>();
    for (Class<? extends Record> section : SECTIONS) {
      for (RecordComponent component : section.getRecordComponents()) {
        KeySpec spec = KeySpec.of(section, component);
        specs.put(spec.name(), spec);
      }
    }
    return specs;
  }

  /** A record of its keys' values, the default where {@code values} has none. */
  static <R extends Record> R record(Class<R> section, Map<String, Object> values) {
    List<Object> arguments = new ArrayList<>();
    List<Class<?>> types = new ArrayList<>();
    for (RecordComponent component : section.getRecordComponents()) {
      KeySpec spec = SUPPORTED.get(Text.snakeCase(component.getName()));
      arguments.add(
          values.containsKey(spec.name()) ? values.get(spec.name()) : Coercion.preset(spec));
      types.add(component.getType());
    }
    try {
      return section
          .getDeclaredConstructor(types.toArray(Class<?>[]::new))
          .newInstance(arguments.toArray());
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(section.getSimpleName() + ": cannot be built", e);
    }
  }

  /** Whether {@code command} takes the key; training keys given elsewhere are an error. */
  static boolean isTrainingOnly(String name) {
    if (SUPPORTED.containsKey(name)) {
      return SUPPORTED.get(name).isTrainingOnly();
    } else if (NoMeaningKeys.byName().containsKey(name)) {
      return NoMeaningKeys.byName().get(name).trainingOnly();
    }
    return LaterKeys.byName().containsKey(name) && LaterKeys.byName().get(name).trainingOnly();
  }

  /** Every name that may stand in a configuration. */
  static List<String> names() {
    List<String> names = new ArrayList<>(SUPPORTED.keySet());
    names.addAll(NoMeaningKeys.byName().keySet());
    names.addAll(LaterKeys.byName().keySet());
    return names;
  }
}
