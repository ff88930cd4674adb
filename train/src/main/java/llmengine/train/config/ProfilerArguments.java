package llmengine.train.config;

import java.nio.file.Path;
import java.util.Optional;

/** Which steps are profiled, and where the profile goes. */
@Section(value = "Profiling", trainingOnly = true)
public record ProfilerArguments(
    @Key(
            own = true,
            preset = "false",
            doc =
                "Writes where the time of some steps goes, by layer and operation, with a flight"
                    + " recording of the JVM (training.md).")
        boolean profile,
    @Key(preset = "false", doc = "LLaMA-Factory's name of profile.") boolean enableTorchProfiler,
    @Key(doc = "Folder of profiles; null is output_dir/profiler.") Optional<Path> profilerOutputDir,
    @Key(preset = "1", min = 0, doc = "Steps before those that are profiled, in each cycle.")
        int profilerWaitSteps,
    @Key(
            preset = "1",
            min = 0,
            doc = "More steps before those that are profiled, for the JVM's compiler to settle.")
        int profilerWarmupSteps,
    @Key(preset = "1", min = 1, doc = "Steps that are profiled together.") int profilerActiveSteps,
    @Key(preset = "1", min = 0, doc = "Cycles of waiting and profiling; 0 for no end.")
        int profilerRepeat) {

  /** Whether there are steps to profile. */
  public boolean isOn() {
    return profile || enableTorchProfiler;
  }
}
