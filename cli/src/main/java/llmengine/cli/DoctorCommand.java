package llmengine.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import llmengine.cli.doctor.Finding;
import llmengine.cli.doctor.Gpu;
import llmengine.cli.doctor.Machine;
import llmengine.cli.doctor.VectorSelfTest;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code engine doctor}: what this machine offers, and what would make training slow or fail. */
@Command(
    name = "doctor",
    description = "Show what this machine offers: Java, vectors, cores, memory, disk, GPU.")
final class DoctorCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Override
  public Integer call() {
    PrintWriter out = spec.commandLine().getOut();
    boolean healthy = true;
    for (List<Finding> part :
        List.of(Machine.findings(Path.of("")), VectorSelfTest.run().findings(), Gpu.findings())) {
      for (Finding finding : part) {
        out.printf("%-10s %s%n", finding.subject(), finding.text());
        if (!finding.advice().isEmpty()) {
          healthy = false;
          out.printf("%-10s ! %s%n", "", finding.advice());
        }
      }
    }
    return healthy ? ExitCode.OK : ExitCode.FAILURE;
  }
}
