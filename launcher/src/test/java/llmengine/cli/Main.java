package llmengine.cli;

import java.nio.charset.StandardCharsets;
import java.util.Scanner;
import sun.misc.Signal;

/** Stands in for the program that the launcher starts: tells what reached it. */
public final class Main {
  private Main() {}

  /** {@code echo} prints its words and a line of its input and exits with 3; {@code wait} waits. */
  public static void main(String[] args) throws InterruptedException {
    for (String name : new String[] {"INT", "TERM"}) {
      Signal.handle(new Signal(name), signal -> save(name));
    }
    System.out.println(ProcessHandle.current().pid());
    if (args[0].equals("echo")) {
      System.out.println(
          String.join("|", args) + "|" + new Scanner(System.in, StandardCharsets.UTF_8).nextLine());
      System.exit(3);
    }
    Thread.sleep(60_000);
  }

  /** As a training run does: takes its time, then exits with the code of an interruption. */
  private static void save(String signal) {
    try {
      Thread.sleep(200);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    System.out.println("saved after " + signal);
    System.exit(130);
  }
}
