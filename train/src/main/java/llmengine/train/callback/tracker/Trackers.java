package llmengine.train.callback.tracker;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import llmengine.train.TrainerState;
import llmengine.train.callback.TrainingListener;

/**
 * Tells trackers about a run from a thread of its own, so that a slow server never delays a step
 * and one that is down never stops a run: a tracker that fails is reported once and left out from
 * then on, and what doesn't fit the queue is counted.
 */
public final class Trackers implements TrainingListener, AutoCloseable {
  private static final int QUEUE = 1000;
  private static final long PATIENCE_MS = 15_000; // at the end, for what is still queued

  private interface Event {
    void tell(Tracker tracker) throws IOException, InterruptedException;
  }

  private final List<Tracker> trackers;
  private final Consumer<String> warnings;
  private final BlockingQueue<Event> queue = new LinkedBlockingQueue<>(QUEUE);
  private final AtomicLong dropped = new AtomicLong();
  private final Thread thread;
  private boolean finished;

  /**
   * @param settings what the configuration says
   * @param warnings takes a line for each tracker that fails
   */
  public Trackers(List<Tracker> trackers, Map<String, String> settings, Consumer<String> warnings) {
    this.trackers = new ArrayList<>(trackers);
    this.warnings = warnings;
    this.thread = Thread.ofPlatform().name("trackers").daemon().unstarted(this::run);
    if (!trackers.isEmpty()) {
      put(tracker -> tracker.start(settings));
      thread.start();
    }
  }

  private void run() {
    try {
      while (!trackers.isEmpty()) {
        Event event = queue.take();
        if (event == END) {
          return;
        }
        trackers.removeIf(tracker -> !told(tracker, event));
      }
    } catch (InterruptedException closed) {
      Thread.currentThread().interrupt();
    }
  }

  private static final Event END = tracker -> {};

  private boolean told(Tracker tracker, Event event) {
    try {
      event.tell(tracker);
      return true;
    } catch (IOException | RuntimeException e) {
      warnings.accept(
          tracker.name()
              + ": WARNING: not reported any more: "
              + (e.getMessage() == null ? e : e.getMessage())
              + ". The run goes on; trainer_log.jsonl has everything.");
      return false;
    } catch (InterruptedException closed) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  private void put(Event event) {
    if (!queue.offer(event)) {
      dropped.incrementAndGet();
    }
  }

  @Override
  public void onLog(TrainerState state, Map<String, Object> line) {
    scalars(state.step(), line);
  }

  @Override
  public void onEvaluate(TrainerState state, Map<String, Object> metrics) {
    scalars(state.step(), metrics);
  }

  @Override
  public void onEnd(TrainerState state, Map<String, Object> line) {
    scalars(state.step(), line);
    finished = true;
  }

  private void scalars(long step, Map<String, Object> line) {
    Map<String, Double> values = new LinkedHashMap<>();
    line.forEach(
        (name, value) -> {
          if (value instanceof Number n) {
            values.put(name, n.doubleValue());
          }
        });
    put(tracker -> tracker.scalars(step, values));
  }

  /** Tells the rest, for a while, and that the run is over. */
  @Override
  public void close() {
    boolean done = finished;
    put(tracker -> tracker.end(done));
    put(END);
    try {
      thread.join(PATIENCE_MS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    if (thread.isAlive()) {
      thread.interrupt();
      warnings.accept("report_to: WARNING: a tracker did not take everything in time.");
    }
    if (dropped.get() > 0) {
      warnings.accept("report_to: WARNING: " + dropped.get() + " lines were not reported.");
    }
  }
}
