package llmengine.cli;

import java.io.BufferedReader;
import java.io.Console;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.ThreadLocalRandom;
import llmengine.cli.chat.AnswerInterrupt;
import llmengine.cli.chat.ChatTerminal;
import llmengine.engine.Backend;
import llmengine.nn.Decoder;
import llmengine.nn.Parameter;
import llmengine.train.chat.ChatModel;
import llmengine.train.chat.Conversation;
import llmengine.train.config.RunConfig;
import llmengine.train.export.InferenceModel;
import llmengine.train.model.Backends;
import llmengine.train.model.ModelSession;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code engine chat}: a talk with a model in the terminal, or by pipe. */
@Command(
    name = "chat",
    description = {
      "Talk to a model in the terminal, adapters merged. /help lists what can be said to the"
          + " program instead.",
      "With piped input each line is a message, and only the answers are printed to standard"
          + " output, each ended by a line break."
    },
    footer =
        "%nExample: engine chat model_name_or_path=MODEL adapter_name_or_path=saves/lora"
            + " template=llama3")
final class ChatCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;
  @Mixin private Words words;

  @Override
  public Integer call() throws IOException {
    RunConfig config = RunConfig.forInference(words.list());
    PrintWriter out = spec.commandLine().getOut();
    Console console = System.console();
    boolean terminal = console != null && console.isTerminal();
    PrintWriter notes = terminal ? out : spec.commandLine().getErr();
    config.notes().forEach(notes::println);
    try (ModelSession session = ModelSession.open(config);
        Backend backend = Backends.open(config);
        Decoder model = InferenceModel.load(config, session, backend);
        ChatModel chat = new ChatModel(session, model);
        AnswerInterrupt interrupt = AnswerInterrupt.listen(out)) {
      notes.printf(
          Locale.ROOT,
          "model  %s (%s), %,d parameters, template %s, context %,d tokens%n",
          config.model().modelNameOrPath(),
          session.files().config().modelType(),
          model.parameters().values().stream().mapToLong(Parameter::size).sum(),
          session.chatFormat().name(),
          model.spec().context());
      long seed =
          config
              .generating()
              .samplingSeed()
              .map(Integer::longValue)
              .orElseGet(() -> ThreadLocalRandom.current().nextLong());
      Conversation conversation =
          new Conversation(chat, config.generating(), model.spec().context(), seed);
      // the input is not closed: it belongs to the process
      BufferedReader in =
          new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
      return new ChatTerminal(in, out, notes, terminal, conversation, interrupt).run()
          ? ExitCode.OK
          : ExitCode.FAILURE;
    }
  }
}
