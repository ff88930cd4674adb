package llmengine.cli;

import java.io.PrintWriter;
import java.util.Locale;
import java.util.StringJoiner;
import java.util.concurrent.Callable;
import llmengine.train.model.Backends;
import llmengine.train.plan.Plan;
import llmengine.train.plan.RowCounts;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code engine plan}: memory, disk and time of a training before it starts. */
@Command(
    name = "plan",
    description = {
      "Estimate the memory, disk space and time of a training, with what would make it fit this"
          + " machine.",
      "Takes the words of train. Reads no weights; times this machine for two seconds. Exit code 1"
          + " says that the training does not fit."
    },
    footer = "%nExample: engine plan examples/quickstart.yaml per_device_train_batch_size=32")
final class PlanCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;
  @Mixin private Words words;

  @Override
  public Integer call() {
    PrintWriter out = spec.commandLine().getOut();
    Plan plan = Plan.of(words.list());
    out.printf(
        Locale.ROOT,
        "model   %s: %,d parameters, %,d trained (%.2f %%)%n",
        plan.model(),
        plan.parameters(),
        plan.trained(),
        100.0 * plan.trained() / plan.parameters());
    out.println("data    " + data(plan.rows()));
    StringJoiner owners = new StringJoiner(", ");
    plan.memory().owners().forEach((owner, bytes) -> owners.add(owner + " " + gigabytes(bytes)));
    out.println("memory  " + gigabytes(plan.memory().total()) + " at the peak: " + owners);
    out.println(
        "        "
            + (plan.fits() ? "fits" : "does NOT fit")
            + " the "
            + gigabytes(plan.limit())
            + " that a run may take of this machine's "
            + gigabytes(Backends.machineMemory()));
    changes(out, plan);
    out.println("disk    " + gigabytes(plan.checkpointBytes()) + " a checkpoint");
    out.println("time    " + time(plan));
    return plan.fits() ? ExitCode.OK : ExitCode.FAILURE;
  }

  private static void changes(PrintWriter out, Plan plan) {
    if (plan.fits()) {
      return;
    }
    if (plan.fitting().isEmpty()) {
      out.println(
          "        No change of batch, length or method makes it fit: take a smaller model.");
      return;
    }
    out.println("        Each of these lines makes it fit:");
    for (Plan.Change change : plan.fitting()) {
      out.printf(Locale.ROOT, "          %-60s %s%n", change.words(), gigabytes(change.bytes()));
    }
  }

  private static String data(RowCounts rows) {
    return rows.rows().isPresent()
        ? String.format(
            Locale.ROOT,
            "%,d rows of %.0f tokens on average, %.0f %% learned, the longest has %,d",
            rows.rows().getAsLong(),
            rows.tokens(),
            100 * rows.learned(),
            rows.longest())
        : String.format(
            Locale.ROOT,
            "not counted, as the files are large: every row is taken to have %,d tokens",
            rows.longest());
  }

  private static String time(Plan plan) {
    String speed =
        String.format(
            Locale.ROOT,
            "%.2f s a step, %,.0f tokens/s, if nothing else runs (%.0f GFLOP/s in such products)",
            plan.secondsPerStep(),
            plan.tokensPerStep() / plan.secondsPerStep(),
            plan.rate() / 1e9);
    return plan.seconds().isEmpty()
        ? "about " + speed
        : String.format(
            Locale.ROOT,
            "about %s for %,d steps: %s",
            duration(plan.seconds().getAsDouble()),
            plan.steps().orElseThrow(),
            speed);
  }

  private static String duration(double seconds) {
    if (seconds < 100) {
      return String.format(Locale.ROOT, "%.0f s", seconds);
    }
    double minutes = seconds / 60;
    return minutes < 100
        ? String.format(Locale.ROOT, "%.0f min", minutes)
        : String.format(Locale.ROOT, "%.1f h", minutes / 60);
  }

  private static String gigabytes(long bytes) {
    return String.format(Locale.ROOT, "%.2f GB", bytes / 1e9);
  }
}
