package llmengine.train.callback;

import java.io.PrintStream;
import java.util.Locale;
import java.util.Map;
import llmengine.engine.Memory;
import llmengine.train.TrainerState;

/**
 * A line for each log and evaluation: step, loss, gradient norm, learning rate, tokens/s, memory,
 * time left. On a terminal the current step is shown in between and overwritten; elsewhere only
 * whole lines are printed.
 */
public final class ConsoleProgress implements TrainingListener {
  private final PrintStream out;
  private final Memory memory;
  private final double limit;
  private final boolean terminal;
  private final int startStep;
  private final boolean perplexity;
  private final long start = System.nanoTime();
  private long tokens;
  private long tokensAtLog;
  private long timeAtLog = start;

  /**
   * @param limit bytes that tensors may take
   * @param perplexity whether to show e to the power of evaluation losses
   */
  public ConsoleProgress(
      PrintStream out,
      Memory memory,
      double limit,
      boolean terminal,
      int startStep,
      boolean perplexity) {
    this.out = out;
    this.memory = memory;
    this.limit = limit;
    this.terminal = terminal;
    this.startStep = startStep;
    this.perplexity = perplexity;
  }

  @Override
  public void onStep(TrainerState state, double loss, long stepTokens) {
    tokens += stepTokens;
    if (terminal) {
      out.print(
          "\r\033[K"
              + String.format(
                  Locale.ROOT,
                  "step %d/%d  loss %.4f  %s tok/s  eta %s",
                  state.step(),
                  state.totalSteps(),
                  loss,
                  rate(tokens / seconds(start)),
                  eta(state)));
      out.flush();
    }
  }

  @Override
  public void onLog(TrainerState state, Map<String, Object> line) {
    double rate = (tokens - tokensAtLog) / seconds(timeAtLog);
    tokensAtLog = tokens;
    timeAtLog = System.nanoTime();
    line(
        String.format(
            Locale.ROOT,
            "step %d/%d  loss %.4f%s  grad %.3g  lr %.3g  %s tok/s  mem %.1f/%.1f GB  eta %s",
            state.step(),
            state.totalSteps(),
            number(line, "loss"),
            rewards(line),
            number(line, "grad_norm"),
            number(line, "learning_rate"),
            rate(rate),
            (memory.reserved() + memory.mapped()) / 1e9,
            limit / 1e9,
            eta(state)));
  }

  @Override
  public void onEvaluate(TrainerState state, Map<String, Object> metrics) {
    StringBuilder text = new StringBuilder("eval " + state.step() + "/" + state.totalSteps());
    metrics.forEach(
        (name, value) -> {
          boolean loss = name.endsWith("_loss");
          if (loss || name.matches("eval_.*(accuracy|rewards/(accuracies|margins))")) {
            double number = ((Number) value).doubleValue();
            text.append(String.format(Locale.ROOT, "  %s %.4f", name, number));
            if (loss && perplexity) {
              text.append(String.format(Locale.ROOT, "  perplexity %.3f", Math.exp(number)));
            }
          }
        });
    line(text.toString());
    timeAtLog = System.nanoTime();
  }

  /** How much better the chosen answers do, in stages that learn from preferences. */
  private static String rewards(Map<String, Object> line) {
    StringBuilder text = new StringBuilder();
    if (line.containsKey("rewards/accuracies")) {
      text.append(
          String.format(Locale.ROOT, "  accuracy %.2f", number(line, "rewards/accuracies")));
    }
    if (line.containsKey("rewards/margins")) {
      text.append(String.format(Locale.ROOT, "  margin %.4f", number(line, "rewards/margins")));
    }
    return text.toString();
  }

  private void line(String text) {
    out.println((terminal ? "\r\033[K" : "") + text);
  }

  private String eta(TrainerState state) {
    int done = state.step() - startStep;
    double left = done == 0 ? 0 : seconds(start) / done * (state.totalSteps() - state.step());
    return Durations.clock(left);
  }

  private static double number(Map<String, Object> line, String key) {
    return ((Number) line.get(key)).doubleValue();
  }

  private static double seconds(long since) {
    return Math.max(1e-9, (System.nanoTime() - since) / 1e9);
  }

  private static String rate(double perSecond) {
    return perSecond < 1000
        ? String.format(Locale.ROOT, "%.0f", perSecond)
        : String.format(Locale.ROOT, "%.2fk", perSecond / 1000);
  }
}
