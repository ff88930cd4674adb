package llmengine.cli;

import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** The program behind {@code java -jar engine.jar}: finds the command and runs it. */
@Command(
    name = "engine",
    description = "Trains, fine-tunes and runs large language models on the JVM.",
    mixinStandardHelpOptions = true,
    scope = ScopeType.INHERIT,
    versionProvider = VersionCommand.class,
    synopsisSubcommandLabel = "COMMAND",
    commandListHeading = "%nCommands:%n",
    optionListHeading = "%nOptions:%n",
    footer =
        "%nengine help COMMAND tells more. Exit codes: 0 done, 1 failed, 2 wrong usage or"
            + " configuration, 130 interrupted.")
public final class Main implements Runnable {
  @Spec private CommandSpec spec;

  @Option(
      names = "--debug",
      scope = ScopeType.INHERIT,
      description = "Print the stack trace of an error.")
  private boolean debug;

  /** Runs a command and exits with its code, see {@link ExitCode}. */
  public static void main(String[] args) {
    PrintWriter out = new PrintWriter(System.out, true, StandardCharsets.UTF_8);
    PrintWriter err = new PrintWriter(System.err, true, StandardCharsets.UTF_8);
    System.exit(run(out, err, args));
  }

  /** Runs a command with these words, prints to these writers, and returns the exit code. */
  public static int run(PrintWriter out, PrintWriter err, String... args) {
    Main main = new Main();
    CommandLine line = new CommandLine(main);
    commands().forEach(line::addSubcommand);
    line.setOut(out)
        .setErr(err)
        .setExpandAtFiles(false)
        .setUsageHelpAutoWidth(true)
        .setParameterExceptionHandler((e, words) -> main.usage(e))
        .setExecutionExceptionHandler(
            (e, command, parsed) -> ErrorReport.print(e, err, main.debug));
    int code = line.execute(args);
    out.flush();
    err.flush();
    return code;
  }

  /** In the order of the help text; a new command is added here. */
  private static List<Object> commands() {
    return List.of(
        new TrainCommand(),
        new ChatCommand(),
        new ServeCommand(),
        new ExportCommand(),
        new PerplexityCommand(),
        new ExpandCommand(),
        new PlanCommand(),
        new BenchCommand(),
        new DoctorCommand(),
        new VersionCommand(),
        new CommandLine.HelpCommand());
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "no command given");
  }

  private int usage(ParameterException e) {
    PrintWriter err = e.getCommandLine().getErr();
    err.println("engine: " + UsageError.message(e));
    if (debug) {
      e.printStackTrace(err);
    }
    return ExitCode.USAGE;
  }
}
