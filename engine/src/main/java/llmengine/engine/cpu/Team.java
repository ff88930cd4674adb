// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The thread team that computes every op. The caller takes part as worker 0; the others are daemon
 * platform threads that spin for at most 50 us after an op and then park. Several callers take
 * turns. A dispatch allocates nothing.
 *
 * <p>Chunks are handed out dynamically, so a kernel's result must not depend on who runs which
 * chunk; scratch memory may be indexed by the worker's number.
 */
final class Team implements AutoCloseable {
  /** A job cut into independent chunks. */
  interface Job {
    /** Computes one chunk; {@code worker} is in [0, {@link Team#threads()}). */
    void run(int chunk, int worker);
  }

  private static final long SPIN_NANOS = 50_000;
  private static final int SPINS_PER_CLOCK_READ = 64;

  private static final class Holder {
    static final Team SHARED = new Team(configuredThreads());
  }

  private final int threads;
  private final Thread[] workers;
  private final Scratch[] scratch;
  // 1 while the worker with that index is parked or about to park.
  private final AtomicInteger[] parked;
  private final ReentrantLock turn = new ReentrantLock();

  // High half: number of the dispatch; low half: chunks not yet handed out. A successful
  // compare-and-set claims a chunk of exactly that dispatch, which cannot end before the chunk is
  // done, so `job` and `chunks` read afterwards belong to it, however late the worker woke up.
  private final AtomicLong ticket = new AtomicLong();
  private final AtomicInteger unfinished = new AtomicInteger();
  private volatile Thread waitingCaller;
  private volatile Throwable failure;
  private volatile boolean closed;
  private Job job;
  private int chunks;
  private boolean busy;

  /** The process-wide team; {@code engine.threads} sets its size (default: all processors). */
  static Team shared() {
    return Holder.SHARED;
  }

  /** A private team, for tests that compare thread counts. */
  Team(int threads) {
    this.threads = threads;
    this.workers = new Thread[threads];
    this.scratch = new Scratch[threads];
    scratch[0] = new Scratch();
    this.parked = new AtomicInteger[threads];
    for (int w = 1; w < threads; w++) {
      int worker = w;
      scratch[w] = new Scratch();
      parked[w] = new AtomicInteger();
      workers[w] = Thread.ofPlatform().daemon().name("engine-" + w).unstarted(() -> serve(worker));
    }
    for (int w = 1; w < threads; w++) {
      workers[w].start();
    }
  }

  private static int configuredThreads() {
    int threads = Integer.getInteger("engine.threads", Runtime.getRuntime().availableProcessors());
    if (threads < 1 || threads > 4096) {
      throw new IllegalArgumentException(
          "engine.threads: bad number of threads: expected 1 to 4096, got "
              + threads
              + ". Leave the property out to use every processor.");
    }
    return threads;
  }

  int threads() {
    return threads;
  }

  /** The buffers of a worker; for use within a chunk only. */
  Scratch scratch(int worker) {
    return scratch[worker];
  }

  /** Takes the team for several dispatches in a row; pair with {@link #release()}. Reentrant. */
  void take() {
    turn.lock();
  }

  void release() {
    turn.unlock();
  }

  /** Runs chunks 0 .. {@code count}-1 of the job and returns when all are done. */
  void run(Job job, int count) {
    if (count <= 0) {
      return;
    }
    turn.lock();
    if (busy) {
      turn.unlock();
      throw new IllegalStateException("team: a job started another job: expected plain chunks");
    }
    busy = true;
    try {
      if (threads == 1 || count == 1) {
        for (int chunk = 0; chunk < count; chunk++) {
          job.run(chunk, 0);
        }
        return;
      }
      dispatch(job, count);
    } finally {
      busy = false;
      turn.unlock();
    }
  }

  private void dispatch(Job job, int count) {
    this.job = job;
    this.chunks = count;
    unfinished.set(count);
    long number = (ticket.get() >>> 32) + 1;
    ticket.set(number << 32 | count);
    int wanted = Math.min(threads, count);
    for (int w = 1; w < wanted; w++) {
      if (parked[w].get() == 1 && parked[w].compareAndSet(1, 0)) {
        LockSupport.unpark(workers[w]);
      }
    }
    work(0);
    awaitOthers();
    this.job = null;
    Throwable thrown = failure;
    if (thrown != null) {
      failure = null;
      throw Team.<RuntimeException>sneak(thrown);
    }
  }

  private void awaitOthers() {
    long start = 0;
    int spins = 0;
    while (unfinished.get() > 0) {
      Thread.onSpinWait();
      if (++spins % SPINS_PER_CLOCK_READ == 0) {
        long now = System.nanoTime();
        if (start == 0) {
          start = now;
        } else if (now - start > SPIN_NANOS) {
          waitingCaller = Thread.currentThread();
          while (unfinished.get() > 0) {
            LockSupport.park(this);
          }
          waitingCaller = null;
        }
      }
    }
  }

  private void work(int worker) {
    while (true) {
      long seen = ticket.get();
      int left = (int) seen;
      if (left == 0) {
        return;
      }
      if (!ticket.compareAndSet(seen, seen - 1)) {
        Thread.onSpinWait();
        continue;
      }
      try {
        job.run(chunks - left, worker);
      } catch (Throwable thrown) { // rethrown by the caller of run
        failure = thrown;
      } finally {
        if (unfinished.decrementAndGet() == 0 && worker != 0) {
          Thread caller = waitingCaller;
          if (caller != null) {
            LockSupport.unpark(caller);
          }
        }
      }
    }
  }

  private void serve(int worker) {
    while (!closed) {
      work(worker);
      spinThenPark(worker);
    }
  }

  private void spinThenPark(int worker) {
    long start = System.nanoTime();
    int spins = 0;
    while ((int) ticket.get() == 0) {
      Thread.onSpinWait();
      if (++spins % SPINS_PER_CLOCK_READ == 0 && System.nanoTime() - start > SPIN_NANOS) {
        parked[worker].set(1);
        // Re-check after announcing: a dispatch in between saw parked == 0 and will not unpark us.
        while ((int) ticket.get() == 0 && parked[worker].get() == 1 && !closed) {
          LockSupport.park(this);
        }
        parked[worker].set(0);
        return;
      }
    }
  }

  /** Ends a private team's threads. */
  @Override
  public void close() {
    closed = true;
    for (int w = 1; w < threads; w++) {
      parked[w].set(0);
      LockSupport.unpark(workers[w]);
    }
  }

  @SuppressWarnings("unchecked")
  private static <T extends Throwable> T sneak(Throwable thrown) throws T {
    throw (T) thrown;
  }
}
