package llmengine.serve.schedule;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import llmengine.engine.FormatException;
import llmengine.nn.Decoder;
import llmengine.nn.ValueHead;
import llmengine.nn.generate.CachedModel;
import llmengine.nn.generate.KvCache;
import llmengine.nn.generate.PromptTooLongException;
import llmengine.nn.generate.Sampler;
import llmengine.nn.generate.SamplingOptions;

/**
 * Runs a model for many callers on one thread of its own (Yu et al. 2022, "Orca": answers join and
 * leave the batch token by token). What a request gets depends on the request alone, not on what
 * else runs, on what earlier requests left in the cache or on preemption.
 */
public final class Scheduler implements Generations, Representations, AutoCloseable {
  private final Decoder model;
  private final SchedulerOptions options;
  private final int context;
  private final Sampler sampler;
  private final Models models;
  private final ContinuousBatch batch;
  private final Thread thread;
  private final FairQueue<Job> waiting = new FairQueue<>(); // guarded by this
  private boolean someCancelled; // guarded by this
  private boolean draining; // guarded by this
  private boolean closed; // guarded by this
  private long anonymous; // guarded by this
  private SchedulerStatistics statistics; // guarded by this

  /**
   * Starts to serve a model without a value head.
   *
   * @param name under which the model is asked for
   */
  public Scheduler(Decoder model, String name, SchedulerOptions options) {
    this(model, name, Optional.empty(), options);
  }

  /**
   * Starts to serve. The memory for keys and values is taken now.
   *
   * @param model stays the caller's to close, after this
   * @param name under which the model is asked for
   * @param head scores texts; stays the caller's
   * @throws IllegalArgumentException if the cache has room for less than a block
   */
  public Scheduler(Decoder model, String name, Optional<ValueHead> head, SchedulerOptions options) {
    this.model = model;
    this.options = options;
    this.models = new Models(model, name, head);
    KvCache cache = model.cache(options.cacheBytes());
    this.context = (int) Math.min(model.spec().context(), (long) cache.blocks() * KvCache.BLOCK);
    model.fixContext(context);
    this.sampler = new Sampler(SamplingOptions.greedy(1), model.spec().vocab());
    this.batch =
        new ContinuousBatch(
            new CachedModel(model, cache, models.rows()),
            options.maxSequences(),
            options.promptTokens(),
            this::left);
    this.statistics = batch.statistics(0);
    thread = Thread.ofPlatform().name("scheduler").start(this::run);
  }

  /** Tokens that prompt and answer may have in all: the model's context or what the cache holds. */
  public int context() {
    return context;
  }

  @Override
  public List<String> models() {
    return models.names();
  }

  /** What it does now and has done. */
  public synchronized SchedulerStatistics statistics() {
    return statistics.withWaiting(waiting.size());
  }

  @Override
  public Ticket submit(GenerationRequest asked, TokenSink sink) {
    requireTokens(asked.prompt(), context - 1);
    if (asked.options().numBeams() > 1) {
      throw new IllegalArgumentException(
          "serve: num_beams: expected 1, got " + asked.options().numBeams() + ".");
    }
    if (asked.choices() < 1 || asked.choices() > options.maxSequences()) {
      throw new IllegalArgumentException(
          "serve: n: expected 1 to " + options.maxSequences() + ", got " + asked.choices() + ".");
    }
    Sampler own = sampler.with(asked.options());
    ModelEntry served = models.use(asked.model());
    return queued(() -> new AnswerJob(served, asked, sink, own, context, this::cancelled), served);
  }

  @Override
  public CompletableFuture<float[]> embed(
      String name, int[] ids, Pooling pooling, boolean normalized, String client) {
    requireTokens(ids, context);
    ModelEntry served = models.use(name);
    return read(served, ids, Readings.embedding(pooling, normalized, model.spec().width()), client);
  }

  @Override
  public CompletableFuture<Float> score(String name, int[] ids, String client) {
    requireTokens(ids, context);
    ModelEntry served = models.use(name);
    if (served.head.isEmpty()) {
      models.unused(served);
      throw new IllegalArgumentException(
          "serve: score: expected a reward model with a value head, got " + name + ".");
    }
    return read(served, ids, Readings.score(served.head.get()), client);
  }

  private <R> CompletableFuture<R> read(
      ModelEntry served, int[] ids, TextJob.Reading<R> reading, String client) {
    CompletableFuture<R> future = new CompletableFuture<>();
    TextJob job = queued(() -> new TextJob(served, client, ids, reading, future), served);
    var _ =
        future.whenComplete(
            (result, problem) -> {
              if (future.isCancelled()) {
                job.cancelled = true;
                cancelled();
              }
            });
    return future;
  }

  private void requireTokens(int[] ids, int most) {
    if (ids.length == 0) {
      throw new IllegalArgumentException("serve: prompt: expected one token or more, got none.");
    }
    for (int id : ids) {
      if (id < 0 || id >= model.spec().vocab()) {
        throw new IllegalArgumentException(
            "serve: prompt: expected ids from 0 to "
                + (model.spec().vocab() - 1)
                + ", got "
                + id
                + ".");
      }
    }
    if (ids.length > most) {
      throw new PromptTooLongException(0, ids.length, most);
    }
  }

  /**
   * Serves an adapter under a name of its own, with its value head if it has one. Requests go on
   * meanwhile.
   *
   * @param directory in PEFT's layout
   * @throws IllegalArgumentException if the name is taken
   * @throws FormatException if the adapter is not of this model, or cannot be beside others
   */
  public void load(String name, Path directory) {
    models.load(name, directory);
  }

  /**
   * Takes an adapter away: from now on its name is unknown. Returns when the requests that have it
   * are over.
   *
   * @throws IllegalArgumentException if there is no adapter of this name
   */
  public void unload(String name) throws InterruptedException {
    models.unload(name);
  }

  /** Puts a job in the queue; what makes it runs outside of the lock. */
  private <J extends Job> J queued(Supplier<J> make, ModelEntry served) {
    boolean accepted = false;
    try {
      J job = make.get();
      synchronized (this) {
        if (draining || closed) {
          throw new IllegalStateException("serve: shutting down: no more requests are taken.");
        }
        if (waiting.size() >= options.queueLimit()) {
          throw new QueueFullException(options.queueLimit());
        }
        waiting.add(job.client.isEmpty() ? "\0" + anonymous++ : job.client, job);
        notifyAll();
      }
      accepted = true;
      return job;
    } finally {
      if (!accepted) {
        models.unused(served);
      }
    }
  }

  private synchronized void cancelled() {
    someCancelled = true;
    notifyAll();
  }

  private void left(Job job) {
    models.unused(job.model);
  }

  // ---- on the scheduler's thread

  private void run() {
    RuntimeException problem =
        new IllegalStateException("serve: the scheduler's thread ended: see the log for why.");
    try {
      while (awaitWork()) {
        turn();
      }
      problem = null;
    } finally {
      end(problem);
    }
  }

  private void turn() {
    try {
      dropWaiting();
      admit();
      batch.turn();
    } catch (RuntimeException e) { // of no single request: all that run are lost, others may come
      batch.failAll(e);
    }
    publish();
  }

  /** Waits for something to do; false at the end. */
  private synchronized boolean awaitWork() {
    while (!closed && batch.isIdle() && waiting.size() == 0) {
      if (draining) {
        return false;
      }
      try {
        wait();
      } catch (InterruptedException e) {
        closed = true;
      }
    }
    return !closed;
  }

  private void dropWaiting() {
    List<Job> dropped = new ArrayList<>();
    synchronized (this) {
      if (!someCancelled) {
        return;
      }
      someCancelled = false;
      waiting.removeIf(j -> j.cancelled && dropped.add(j));
    }
    dropped.forEach(batch::drop);
  }

  private void admit() {
    while (true) {
      Optional<Job> next;
      synchronized (this) {
        next = waiting.peek();
      }
      if (next.isEmpty() || !batch.admit(next.get())) {
        return;
      }
      synchronized (this) {
        waiting.remove(); // nobody else removes
      }
    }
  }

  private void publish() {
    SchedulerStatistics now = batch.statistics(0);
    synchronized (this) {
      statistics = now;
    }
  }

  private void end(RuntimeException problem) {
    List<Job> rest = new ArrayList<>();
    synchronized (this) {
      closed = true;
      waiting.removeIf(rest::add);
    }
    if (problem == null) {
      batch.cancelAll();
      rest.forEach(batch::drop);
    } else {
      batch.failAll(problem);
      rest.forEach(
          j -> {
            ContinuousBatch.told(() -> j.tellFailed(problem));
            left(j);
          });
    }
    publish();
    models.close();
    batch.close();
  }

  // ---- the end

  /** Takes no more requests and waits until those it has are answered; then closes. */
  public void drain() throws InterruptedException {
    synchronized (this) {
      draining = true;
      notifyAll();
    }
    thread.join();
  }

  /** Ends all requests where they are and gives the memory back; the model stays open. */
  @Override
  public void close() {
    synchronized (this) {
      closed = true;
      notifyAll();
    }
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
