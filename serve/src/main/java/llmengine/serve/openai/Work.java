package llmengine.serve.openai;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import llmengine.serve.http.Metrics;
import llmengine.serve.schedule.Generations;

/** The generations under way, and what is counted of them. Safe for concurrent use. */
public final class Work {
  private final Metrics metrics;
  private final Set<Generations.Ticket> running = ConcurrentHashMap.newKeySet();
  private volatile boolean over;

  public Work(Metrics metrics) {
    this.metrics = metrics;
  }

  void started(int promptTokens, Generations.Ticket ticket) {
    running.add(ticket);
    if (over) {
      ticket.cancel(); // it came while all were being ended
    }
    metrics.promptTokens(promptTokens);
  }

  void firstToken(double seconds) {
    metrics.timeToFirstToken(seconds);
  }

  void ended(Generations.Ticket ticket, Usage usage, double seconds) {
    if (running.remove(ticket)) {
      metrics.generated(usage.completion(), usage.cached(), seconds);
    }
  }

  /** Ends every generation where it is, also those that come later. */
  public void cancelAll() {
    over = true;
    running.forEach(Generations.Ticket::cancel);
  }
}
