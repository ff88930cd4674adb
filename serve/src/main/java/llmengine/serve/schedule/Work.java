package llmengine.serve.schedule;

import java.util.Comparator;
import llmengine.nn.generate.KvSequence;

/**
 * What runs through the model as one sequence. Its tokens up to {@link #prompt} run as a prompt,
 * those after it as generated ones, also when they are computed again.
 */
abstract sealed class Work permits Answer, Text {
  /** Oldest first; answers to one request in their order. */
  static final Comparator<Work> BY_AGE =
      Comparator.<Work>comparingLong(w -> w.job().order).thenComparingInt(Work::index);

  KvSequence keys; // null while it waits for room
  boolean preempted; // at least once
  private boolean released;

  abstract Job job();

  /** Place among the works of its job. */
  abstract int index();

  /** Tokens that run as a prompt. */
  abstract int prompt();

  /** Tokens known so far. */
  abstract int length();

  abstract int id(int position);

  abstract boolean isOver();

  /** Tokens that it may take over from others: its last one, at least, has to run. */
  abstract int mostReused();

  /** It starts again from its first token. */
  abstract void restarted();

  /** Tells the caller its result. */
  abstract void tell();

  /** It is let go, with its result or without. */
  final void release(boolean withResult) {
    released = true;
    if (withResult) {
      tell();
    }
  }

  final boolean isReleased() {
    return released;
  }

  /** Tokens to compute before it can go on by single tokens. */
  final int behind() {
    return Math.max(prompt(), length() - 1) - keys.length();
  }

  final boolean isInPrompt() {
    return keys.length() < prompt();
  }
}
