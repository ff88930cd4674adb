package llmengine.train.callback.profile;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.text.ParseException;
import java.util.function.Consumer;
import jdk.jfr.Configuration;
import jdk.jfr.FlightRecorder;
import jdk.jfr.Recording;
import llmengine.engine.Tape;
import llmengine.train.TrainException;
import llmengine.train.callback.profile.StepTimes.Phase;
import llmengine.train.checkpoint.JsonFiles;
import llmengine.train.config.ProfilerArguments;
import llmengine.train.config.RunConfig;

/**
 * Profiles some steps of a run: where their time goes, by layer and operation, and a flight
 * recording of the JVM meanwhile. Steps that are not profiled run as they would without it. The
 * cycle of waiting, warming up and profiling is that of torch.profiler.schedule.
 */
public final class Profiler implements AutoCloseable {
  private final ProfilerArguments settings;
  private final Path folder;
  private final Consumer<String> out;
  private long begun; // steps
  private int profiles;
  private int first;
  private int last;
  private StepTimes times; // of the profile under way
  private boolean inside; // a step of it
  private Recording recording;

  private Profiler(ProfilerArguments settings, Path folder, Consumer<String> out) {
    this.settings = settings;
    this.folder = folder;
    this.out = out;
  }

  /**
   * @param out takes a line for each profile
   */
  public static Profiler of(RunConfig config, Consumer<String> out) {
    ProfilerArguments settings = config.profiler();
    Path folder =
        settings.profilerOutputDir().orElseGet(() -> config.outputDir().resolve("profiler"));
    if (settings.isOn()) {
      if (!FlightRecorder.isAvailable()) {
        throw new TrainException(
            "profile: expected a JVM with Flight Recorder, got one without. Use a whole JDK 25, or"
                + " remove profile.");
      }
      try {
        Files.createDirectories(folder);
      } catch (IOException e) {
        throw unwritable(folder, e);
      }
    }
    return new Profiler(settings, folder, out);
  }

  private static TrainException unwritable(Path folder, IOException e) {
    return new TrainException(
        "profiler_output_dir: "
            + folder
            + ": can't be written: expected room and permission, got: "
            + e.getMessage()
            + ". Choose another folder.",
        e);
  }

  /** The next step begins, with waiting for its rows. */
  public void stepBegins(int number) {
    if (!settings.isOn()
        || settings.profilerRepeat() > 0 && profiles == settings.profilerRepeat()) {
      return;
    }
    int idle = settings.profilerWaitSteps() + settings.profilerWarmupSteps();
    long place = begun++ % (idle + settings.profilerActiveSteps());
    if (place < idle) {
      return;
    }
    if (times == null) {
      times = new StepTimes(System::nanoTime);
      first = number;
      record();
    }
    inside = true;
    times.stepBegins();
  }

  /** The rows of the step are there. */
  public void rowsAreThere() {
    if (inside) {
      times.ends("data", Phase.DATA);
    }
  }

  /** Runs the step. */
  public void watch(Runnable step) {
    if (inside) {
      Tape.listen(times, step);
    } else {
      step.run();
    }
  }

  /** Gradients are there; the optimizer's turn. */
  public void optimizerBegins() {
    if (inside) {
      times.passBegins();
    }
  }

  public void optimizerEnds() {
    if (inside) {
      times.ends("optimizer", Phase.OPTIMIZER);
    }
  }

  /** The step is done; what follows (logs, evaluations, checkpoints) is not part of it. */
  public void stepEnds(int number) {
    if (inside) {
      times.stepEnds();
      inside = false;
      last = number;
      if (times.steps() == settings.profilerActiveSteps()) {
        write();
      }
    }
  }

  private void record() {
    try {
      recording = new Recording(Configuration.getConfiguration("profile"));
      recording.setName("LLM Engine");
      recording.start();
    } catch (IOException | ParseException e) {
      throw new TrainException(
          "profile: expected Flight Recorder's settings of the name profile in this JDK, got: "
              + e.getMessage()
              + ". Use a whole JDK 25, or remove profile.",
          e);
    }
  }

  private void write() {
    String name = first == last ? "step-" + first : "steps-" + first + "-" + last;
    ProfileTable table = new ProfileTable(times);
    try (Recording done = recording) {
      done.stop();
      done.dump(folder.resolve(name + ".jfr"));
      JsonFiles.writeText(folder.resolve(name + ".txt"), table.text());
      JsonFiles.writeText(folder.resolve(name + ".csv"), table.csv());
    } catch (IOException e) {
      throw unwritable(folder, e);
    }
    profiles++;
    times = null;
    recording = null;
    out.accept(
        "profile  "
            + name.replaceFirst("-", " ").replaceFirst("-", " to ")
            + ": "
            + table.line()
            + "; "
            + folder.resolve(name)
            + ".txt, .csv and .jfr");
  }

  /** Writes what there is of a profile that the run's end cut short. */
  @Override
  public void close() {
    if (times != null && times.steps() > 0 && !inside) {
      write();
    } else if (recording != null) {
      recording.close();
    }
    if (settings.isOn() && profiles == 0) {
      out.accept(
          "profile: WARNING: no step was profiled: the run ended within profiler_wait_steps and"
              + " profiler_warmup_steps.");
    }
  }
}
