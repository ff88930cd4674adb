package llmengine.train.callback.profile;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.function.LongSupplier;
import llmengine.engine.OpListener;

/**
 * Where the time of steps went. Every moment of a step belongs to exactly one stretch, from the end
 * of the one before, so that the stretches add up to the steps' time to the nanosecond.
 */
final class StepTimes implements OpListener {
  /** What is being done. */
  enum Phase {
    DATA,
    FORWARD,
    RECOMPUTED,
    BACKWARD,
    OPTIMIZER,
    OTHER
  }

  /** Nanoseconds of one place in each phase, and how often it was reached. */
  static final class Row {
    final long[] nanos = new long[Phase.values().length];
    long calls;

    long total() {
      long sum = 0;
      for (long n : nanos) {
        sum += n;
      }
      return sum;
    }

    void add(Row other) {
      for (int p = 0; p < nanos.length; p++) {
        nanos[p] += other.nanos[p];
      }
      calls += other.calls;
    }
  }

  private final LongSupplier clock;
  private final Map<String, Row> rows = new LinkedHashMap<>();
  private int steps;
  private long nanos;
  private long began;
  private long last;
  private OpEvent event;

  /**
   * @param clock in nanoseconds
   */
  StepTimes(LongSupplier clock) {
    this.clock = clock;
  }

  void stepBegins() {
    event = new OpEvent();
    event.begin();
    began = clock.getAsLong();
    last = began;
  }

  void stepEnds() {
    ends("other", Phase.OTHER);
    nanos += last - began;
    steps++;
  }

  /** What was done since the last call was this. */
  void ends(String where, Phase phase) {
    long now = clock.getAsLong();
    Row row = rows.computeIfAbsent(where, ignored -> new Row());
    row.nanos[phase.ordinal()] += now - last;
    row.calls += phase == Phase.RECOMPUTED || phase == Phase.BACKWARD ? 0 : 1;
    last = now;
    event.end();
    if (event.shouldCommit()) {
      event.where = where;
      event.phase = phase.name().toLowerCase(Locale.ROOT);
      event.commit();
    }
    event = new OpEvent();
    event.begin();
  }

  @Override
  public void passBegins() {
    ends("other", Phase.OTHER);
  }

  @Override
  public void forward(String where, boolean again) {
    ends(where, again ? Phase.RECOMPUTED : Phase.FORWARD);
  }

  @Override
  public void backward(String where) {
    ends(where, Phase.BACKWARD);
  }

  /** Whole steps so far. */
  int steps() {
    return steps;
  }

  /** Their time in nanoseconds. */
  long nanos() {
    return nanos;
  }

  /** By place in the model and op, in the order in which they were first reached. */
  Map<String, Row> rows() {
    return rows;
  }
}
