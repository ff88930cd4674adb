package llmengine.cli.chat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.Locale;
import java.util.Optional;
import llmengine.nn.generate.PromptTooLongException;
import llmengine.train.chat.Conversation;

/**
 * The loop of a chat: a line in, an answer out as it is written. On a terminal with prompts and
 * speed; otherwise with the answers alone, so that scripts can read them.
 */
public final class ChatTerminal {
  private static final String HELP =
      """
      /clear         forget what was said
      /system TEXT   replace the system prompt (without TEXT: the template's own) and start anew
      /regen         answer the last message again
      /help          this list
      /exit          end (also Ctrl-D); Ctrl-C stops an answer
      """;

  private final BufferedReader in;
  private final PrintWriter out;
  private final PrintWriter notes;
  private final boolean terminal;
  private final Conversation conversation;
  private final AnswerInterrupt interrupt;
  private boolean failed;

  /**
   * @param notes where what is not an answer goes
   * @param terminal whether people type and read
   */
  public ChatTerminal(
      BufferedReader in,
      PrintWriter out,
      PrintWriter notes,
      boolean terminal,
      Conversation conversation,
      AnswerInterrupt interrupt) {
    this.in = in;
    this.out = out;
    this.notes = notes;
    this.terminal = terminal;
    this.conversation = conversation;
    this.interrupt = interrupt;
  }

  /** Talks until the input ends or somebody says so; false if a message could not be answered. */
  public boolean run() throws IOException {
    if (terminal) {
      notes.println("/help lists the commands, /exit ends the chat.");
    }
    while (true) {
      if (terminal) {
        out.print("\nUser: ");
        out.flush();
      }
      String line = in.readLine();
      if (line == null) {
        if (terminal) {
          out.println();
        }
        return !failed;
      }
      String text = line.strip();
      if (text.equals("/exit") || text.equals("exit") || text.equals("/quit")) {
        return !failed;
      }
      take(text);
      out.flush();
      notes.flush();
    }
  }

  private void take(String text) {
    String word = text.split("\\s", 2)[0];
    switch (word) {
      case "" -> {}
      case "/clear" -> clear();
      case "/help" -> notes.print(HELP);
      case "/regen" -> again();
      case "/system" -> {
        String system = text.substring(word.length()).strip();
        conversation.system(system.isEmpty() ? null : system);
        conversation.clear();
        notes.println(
            system.isEmpty()
                ? "The template's own system prompt is used. A new conversation begins."
                : "The system prompt is set. A new conversation begins.");
      }
      default -> {
        if (text.equals("clear")) {
          clear();
        } else if (word.matches("/[a-z]+")) {
          notes.println("No such command: " + word + ". /help lists them.");
        } else {
          answer(text);
        }
      }
    }
  }

  private void clear() {
    conversation.clear();
    notes.println("A new conversation begins.");
  }

  private void again() {
    Optional<String> question = conversation.takeBack();
    question.ifPresentOrElse(this::answer, () -> notes.println("Nothing was said yet."));
  }

  private void answer(String text) {
    if (terminal) {
      out.print("Assistant: ");
      out.flush();
    }
    interrupt.begin();
    try {
      Conversation.Answer answer =
          conversation.say(
              text,
              piece -> {
                out.print(piece);
                out.flush();
              },
              interrupt);
      out.println();
      report(answer);
    } catch (PromptTooLongException e) {
      failed = !terminal;
      out.println();
      notes.println("engine: " + e.getMessage());
    } finally {
      interrupt.end();
    }
  }

  private void report(Conversation.Answer answer) {
    if (answer.forgotten() > 0) {
      notes.println(
          "(The context is full: forgot the oldest "
              + (answer.forgotten() == 1
                  ? "question and answer"
                  : answer.forgotten() + " questions and answers")
              + ".)");
    }
    if (!terminal) {
      return;
    }
    String end =
        switch (answer.finish()) {
          case STOP -> "";
          case LENGTH -> ", ended by max_new_tokens or the context";
          case CANCELLED -> ", stopped";
        };
    String line =
        String.format(
            Locale.ROOT,
            "%d tokens, %.1f tokens/s%s",
            answer.tokens(),
            answer.tokens() / Math.max(1e-9, answer.seconds()),
            end);
    boolean plain = System.getenv("NO_COLOR") != null;
    notes.println(plain ? line : "\u001b[2m" + line + "\u001b[0m");
  }
}
