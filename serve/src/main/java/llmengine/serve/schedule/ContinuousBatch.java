package llmengine.serve.schedule;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.TreeSet;
import java.util.function.Consumer;
import llmengine.nn.generate.CachedModel;
import llmengine.nn.generate.KvCache;

/**
 * What runs through a model together, turn by turn. A turn runs a piece of prompts, then one token
 * of every answer. When blocks run out the youngest gives its own back and is computed again later:
 * its prompt as a prompt, its tokens as generated ones, so that it goes on as if nothing had been.
 * Belongs to the scheduler's thread.
 */
final class ContinuousBatch implements AutoCloseable {
  private final CachedModel model;
  private final KvCache cache;
  private final Steps steps;
  private final int places;
  private final int promptTokens;
  private final Consumer<Job> left;
  private final List<Job> jobs = new ArrayList<>();
  private final List<Work> active = new ArrayList<>(); // hold keys; oldest first
  private final TreeSet<Work> preempted = new TreeSet<>(Work.BY_AGE);
  private int taken; // places
  private long admitted;
  private boolean shortestFirst; // in this turn
  private long cachedPromptTokens;
  private long preemptions;
  private long finished;

  /**
   * @param places answers and texts that run together
   * @param promptTokens of a turn
   * @param left told of each job that is over
   */
  ContinuousBatch(CachedModel model, int places, int promptTokens, Consumer<Job> left) {
    this.model = model;
    this.cache = model.cache();
    this.places = places;
    this.promptTokens = promptTokens;
    this.left = left;
    this.steps = new Steps(model, this::fork);
  }

  boolean isIdle() {
    return jobs.isEmpty();
  }

  SchedulerStatistics statistics(int waiting) {
    return new SchedulerStatistics(
        taken,
        waiting,
        cache.usedBlocks(),
        cache.keptBlocks(),
        cache.availableBlocks() - cache.keptBlocks(),
        steps.promptTokens(),
        cachedPromptTokens,
        steps.generatedTokens(),
        preemptions,
        finished);
  }

  /** Takes a job in if there is room for it; where nothing else runs there is. */
  boolean admit(Job job) {
    List<? extends Work> works = job.works();
    if (!preempted.isEmpty() || taken + works.size() > places) {
      return false;
    }
    job.order = admitted;
    if (!open(works.getFirst())) {
      return false;
    }
    admitted++;
    jobs.add(job);
    taken += works.size();
    return true;
  }

  /**
   * Lets a work begin, or go on after preemption, if there are blocks for all it has so far, and
   * one more for each: who is let in should not be sent out again at once.
   */
  private boolean open(Work w) {
    w.keys = cache.open();
    int reused = reuse(w);
    long needed = w.keys.blocksFor(w.behind() + KvCache.BLOCK);
    for (Work other : active) {
      needed += other.keys.blocksFor(other.behind() + KvCache.BLOCK);
    }
    if (!active.isEmpty() && needed > cache.availableBlocks()) {
      w.keys.close();
      w.keys = null;
      return false;
    }
    count(w, reused);
    active.add(w);
    active.sort(Work.BY_AGE);
    return true;
  }

  private int reuse(Work w) {
    return w.keys.reuse(w.job().model.root(cache), w::id, w.prompt(), w.mostReused());
  }

  private void count(Work w, int reused) {
    if (!w.preempted) { // else it is its own work that it finds again
      cachedPromptTokens += reused;
      w.job().reused(reused);
    }
  }

  /** One piece of prompts and one token of every answer. */
  void turn() {
    dropCancelled();
    while (!preempted.isEmpty() && open(preempted.first())) {
      preempted.removeFirst();
    }
    prompts();
    settle();
    dropCancelled();
    answers();
    settle();
  }

  /**
   * Pieces of prompts: in one turn of the oldest, in the next of those that are done soonest, so
   * that short ones need not wait for long ones and long ones get on in any case.
   */
  private void prompts() {
    List<Work> order = new ArrayList<>();
    for (Work w : active) {
      if (w.behind() > 0) {
        order.add(w);
      }
    }
    if (shortestFirst) {
      order.sort(Comparator.comparingInt(Work::behind)); // stable: the oldest of equals first
    }
    shortestFirst = !shortestFirst;
    List<Steps.Step> chosen = new ArrayList<>();
    int tokens = 0;
    for (Work w : order) {
      if (w.keys == null) {
        continue; // preempted just now
      }
      count(w, reuse(w));
      int count = piece(w);
      if (tokens > 0 && tokens + count > promptTokens) {
        break;
      }
      if (count > 0 && secure(w, count, chosen)) {
        chosen.add(new Steps.Step(w, count));
        tokens += count;
      }
    }
    steps.run(chosen);
  }

  /** Tokens of the next piece: prompts are cut at absolute positions. */
  private int piece(Work w) {
    int from = w.keys.length();
    if (w.isInPrompt()) {
      return Math.min(w.prompt(), (from / promptTokens + 1) * promptTokens) - from;
    }
    return Math.min(w.behind(), CachedModel.ROWS);
  }

  /** Makes sure of blocks for more tokens of a work beside the steps chosen so far. */
  private boolean secure(Work w, int count, List<Steps.Step> chosen) {
    long needed = w.keys.blocksFor(count);
    for (Steps.Step s : chosen) {
      needed += s.work().keys.blocksFor(s.count());
    }
    while (needed > cache.availableBlocks()) {
      Work youngest = active.getLast();
      if (youngest == w || chosen.stream().anyMatch(s -> s.work() == youngest)) {
        return false;
      }
      preempt(youngest);
    }
    return true;
  }

  private void answers() {
    List<Steps.Step> next = new ArrayList<>();
    for (Work w : active) {
      if (w.behind() == 0) {
        next.add(new Steps.Step(w, 1));
      }
    }
    while (next.stream().mapToLong(s -> s.work().keys.blocksFor(1)).sum()
        > cache.availableBlocks()) {
      Work youngest = active.getLast();
      preempt(youngest);
      next.removeIf(s -> s.work() == youngest);
    }
    steps.run(next);
  }

  private void preempt(Work w) {
    w.keys.keep(w.job().model.root(cache), w::id, w.prompt());
    close(w);
    w.restarted();
    w.preempted = true;
    preempted.add(w);
    preemptions++;
  }

  private void close(Work w) {
    if (w.keys != null) {
      w.keys.close();
      w.keys = null;
      active.remove(w);
    }
  }

  /** The other answers to a request go on from the first one's prompt. */
  private void fork(Answer first) {
    for (Answer other : first.job().works()) {
      if (other != first && !other.isOver()) {
        other.keys = first.keys.fork();
        active.add(other);
      }
    }
    active.sort(Work.BY_AGE);
  }

  private void dropCancelled() {
    for (Job job : jobs) {
      if (job.cancelled) {
        job.cancelWorks();
      }
    }
    settle();
  }

  /** Lets go of what is over or failed, and tells the callers. */
  private void settle() {
    for (Iterator<Job> i = jobs.iterator(); i.hasNext(); ) {
      Job job = i.next();
      boolean failed = job.problem().isPresent();
      boolean over = true;
      for (Work w : job.works()) {
        if (!w.isReleased() && (failed || w.isOver())) {
          close(w);
          preempted.remove(w);
          taken--;
          told(() -> w.release(!failed));
        }
        over &= w.isReleased();
      }
      if (over) {
        i.remove();
        finished++;
        told(() -> job.problem().ifPresent(job::tellFailed));
        left.accept(job);
      }
    }
  }

  /** A caller that breaks its promise not to throw must not stop the others. */
  static void told(Runnable call) {
    try {
      call.run();
    } catch (RuntimeException e) {
      System.getLogger("llmengine.serve")
          .log(System.Logger.Level.WARNING, "serve: a sink failed", e);
    }
  }

  /** Tells a job that never began that it is cancelled. */
  void drop(Job job) {
    told(job::tellCancelled);
    finished++;
    left.accept(job);
  }

  /** Fails all that is left. */
  void failAll(RuntimeException problem) {
    jobs.forEach(j -> j.fail(problem));
    settle();
  }

  /** Cancels all that is left. */
  void cancelAll() {
    jobs.forEach(Job::cancelWorks);
    settle();
  }

  @Override
  public void close() {
    model.close();
  }
}
