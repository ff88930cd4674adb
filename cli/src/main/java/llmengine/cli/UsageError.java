package llmengine.cli;

import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/** Says in one message which word of the command line was wrong, and what was meant perhaps. */
final class UsageError {
  private UsageError() {}

  static String message(ParameterException e) {
    CommandLine command = e.getCommandLine();
    boolean top = command.getParent() == null;
    String help = top ? "engine help" : "engine help " + command.getCommandName();
    if (e instanceof UnmatchedArgumentException unmatched) {
      String word = unmatched.getUnmatched().getFirst();
      boolean option = word.startsWith("-");
      List<String> known =
          option
              ? command.getCommandSpec().options().stream().map(o -> o.longestName()).toList()
              : List.copyOf(command.getSubcommands().keySet());
      String kind = option ? "option" : known.isEmpty() ? "argument" : "command";
      String what =
          "unknown "
              + kind
              + ": "
              + (known.isEmpty()
                  ? "expected no more words"
                  : "expected one of " + String.join(", ", known))
              + ", got "
              + word
              + ".";
      return Nearest.to(word, known)
          .map(near -> what + " Did you mean " + near + "?")
          .orElse(what + " See: " + help);
    }
    return e.getMessage() + ". See: " + help;
  }
}
