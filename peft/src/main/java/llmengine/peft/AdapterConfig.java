package llmengine.peft;

/** Settings of an adapter, as PEFT's {@code adapter_config.json} has them. */
public sealed interface AdapterConfig permits LoraConfig, OftConfig {
  /** Where the adapter sits. */
  Placement placement();

  /** The same adapter somewhere else. */
  AdapterConfig withPlacement(Placement other);

  /** Whether it drops anything in training. */
  boolean hasDropout();
}
