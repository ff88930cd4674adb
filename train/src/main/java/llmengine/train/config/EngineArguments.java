package llmengine.train.config;

import java.util.List;
import java.util.Optional;

/** Keys of this engine that LLaMA-Factory does not have; every command takes them. */
@Section("Engine")
public record EngineArguments(
    @Key(own = true, min = 1, doc = "Threads that compute; null is one per core.")
        Optional<Integer> threads,
    @Key(own = true, preset = "auto", doc = "Where to compute.") Device device,
    @Key(
            own = true,
            above = 0,
            doc = "Memory in GB that the run may use; null is what the machine has.")
        Optional<Double> memoryLimitGb,
    @Key(
            own = true,
            min = 0,
            doc =
                "Memory in GB for activations that are kept, not computed again, while gradient"
                    + " checkpointing is on; null is what a run leaves of memory_limit_gb, or of"
                    + " half of the machine's memory, and 0 if gradient_checkpointing: true asks"
                    + " for all of it.")
        Optional<Double> keptActivationsGb,
    @Key(
            own = true,
            preset = "[]",
            doc = "Prompts that train answers before and after training, greedily.")
        List<String> samplePrompts,
    @Key(
            own = true,
            preset = "true",
            doc =
                "Divides gradients by gradient_accumulation_steps, beside the mean over the step's"
                    + " tokens, as LLaMA-Factory's Trainer does: it shows in grad_norm and"
                    + " clipping. False makes accumulation equal to a larger batch.")
        boolean accumulationDividesGradients,
    @Key(
            own = true,
            preset = "auto",
            doc =
                "Activations of generated tokens where weights are in the codes of a GGUF type:"
                    + " int8 rounds them to 8 bits, one scale for 32 values, which is faster; auto"
                    + " is int8 to chat, serve and measure, float32 with infer_dtype float32 and to"
                    + " train.")
        QuantizedActivations quantizedActivations,
    @Key(
            own = true,
            preset = "false",
            doc =
                "With shift_attn: true lets a row's first half group see its last one, which comes"
                    + " later, as LLaMA-Factory does.")
        boolean shiftAttnWraps) {

  /** What activations are multiplied with quantized weights. */
  public enum QuantizedActivations {
    AUTO,
    INT8,
    FLOAT32
  }

  /** Where a run computes. */
  public enum Device {
    AUTO,
    CPU
  }
}
