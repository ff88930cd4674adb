package llmengine.serve.schedule;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import llmengine.nn.Decoder;
import llmengine.nn.generate.CachedModel;
import llmengine.nn.generate.FinishReason;
import llmengine.nn.generate.PromptTooLongException;
import llmengine.nn.generate.Sampler;
import llmengine.nn.generate.Sequence;

/**
 * Runs a model for many callers on one thread of its own: answers join and leave the batch token by
 * token.
 */
public final class Scheduler implements Generations, AutoCloseable {
  private final Decoder model;
  private final String name;
  private final SchedulerOptions options;
  private final CachedModel cached;
  private final Thread thread;
  private final FairQueue<Request> waiting = new FairQueue<>(); // guarded by this
  private final List<Answer> running = new ArrayList<>();
  private final ArrayDeque<Integer> freeSlots = new ArrayDeque<>();
  private boolean draining; // guarded by this
  private volatile boolean closed;
  private volatile int runningNow;
  private long promptTokens;
  private long generatedTokens;
  private long finished;
  private long anonymous; // guarded by this

  private record Answer(Request request, Sequence sequence, int slot) {}

  private static final class Request implements Ticket {
    final GenerationRequest asked;
    final TokenSink sink;
    volatile boolean cancelled;
    volatile int cachedTokens = -1;
    int open;

    Request(GenerationRequest asked, TokenSink sink) {
      this.asked = asked;
      this.sink = sink;
      this.open = asked.choices();
    }

    @Override
    public void cancel() {
      cancelled = true;
    }

    @Override
    public int cachedPromptTokens() {
      return cachedTokens;
    }
  }

  /**
   * Starts to serve.
   *
   * @param name under which the model is asked for
   */
  public Scheduler(Decoder model, String name, SchedulerOptions options) {
    this.model = model;
    this.name = name;
    this.options = options;
    this.cached = new CachedModel(model, options.maxSequences());
    for (int s = 0; s < options.maxSequences(); s++) {
      freeSlots.add(s);
    }
    thread = Thread.ofPlatform().name("scheduler").start(this::run);
  }

  /** Tokens that prompt and answer may have in all. */
  public int context() {
    return model.spec().context();
  }

  @Override
  public List<String> models() {
    return List.of(name);
  }

  @Override
  public Ticket submit(GenerationRequest asked, TokenSink sink) {
    if (!asked.model().equals(name)) {
      throw new IllegalArgumentException(
          "serve: model: expected one of " + models() + ", got " + asked.model() + ".");
    }
    if (asked.prompt().length == 0 || asked.options().numBeams() > 1) {
      throw new IllegalArgumentException(
          "serve: request: expected a prompt of one token or more and no beams, got "
              + asked.prompt().length
              + " tokens and "
              + asked.options().numBeams()
              + " beams.");
    }
    if (asked.choices() < 1 || asked.choices() > options.maxSequences()) {
      throw new IllegalArgumentException(
          "serve: n: expected 1 to " + options.maxSequences() + ", got " + asked.choices() + ".");
    }
    if (asked.prompt().length >= context()) {
      throw new PromptTooLongException(0, asked.prompt().length, context() - 1);
    }
    new Sampler(asked.options(), model.spec().vocab()); // says what does not hold
    Request request = new Request(asked, sink);
    synchronized (this) {
      if (draining) {
        throw new IllegalStateException("serve: shutting down: no more requests are taken.");
      }
      if (waiting.size() >= options.queueLimit()) {
        throw new QueueFullException(options.queueLimit());
      }
      waiting.add(asked.client().isEmpty() ? "\0" + anonymous++ : asked.client(), request);
      notifyAll();
    }
    return request;
  }

  public synchronized SchedulerStatistics statistics() {
    return new SchedulerStatistics(
        runningNow, waiting.size(), 0, 0, 0, promptTokens, 0, generatedTokens, 0, finished);
  }

  private void run() {
    while (true) {
      List<Request> fresh = new ArrayList<>();
      synchronized (this) {
        while (!closed && running.isEmpty() && waiting.size() == 0 && !draining) {
          try {
            wait();
          } catch (InterruptedException e) {
            closed = true;
          }
        }
        if (closed || draining && running.isEmpty() && waiting.size() == 0) {
          break;
        }
        while (waiting.size() > 0
            && waiting.peek().orElseThrow().asked.choices() <= freeSlots.size()
            && fresh.isEmpty()) {
          fresh.add(waiting.remove());
        }
      }
      for (Request r : fresh) {
        guarded(List.of(r), () -> start(r));
      }
      guarded(running.stream().map(Answer::request).distinct().toList(), this::step);
      leave();
      runningNow = running.size();
    }
    synchronized (this) {
      draining = true;
      while (waiting.size() > 0) {
        Request r = waiting.remove();
        for (int c = 0; c < r.asked.choices(); c++) {
          r.sink.finished(c, FinishReason.CANCELLED);
        }
      }
    }
    running.forEach(a -> a.sequence.end(FinishReason.CANCELLED));
    leave();
    cached.close();
  }

  private void guarded(List<Request> concerned, Runnable work) {
    try {
      work.run();
    } catch (RuntimeException e) {
      for (Iterator<Answer> i = running.iterator(); i.hasNext(); ) {
        Answer a = i.next();
        if (concerned.contains(a.request)) {
          freeSlots.add(a.slot);
          i.remove();
        }
      }
      concerned.forEach(r -> r.sink.failed(e));
    }
  }

  private void start(Request r) {
    r.cachedTokens = 0;
    int n = r.asked.choices();
    Sampler sampler = new Sampler(r.asked.options(), model.spec().vocab());
    List<Answer> answers = new ArrayList<>();
    for (int c = 0; c < n; c++) {
      var constraint = r.asked.constraint().map(k -> k.fork());
      Sequence s = new Sequence(sampler, r.asked.prompt(), c, context(), constraint);
      answers.add(new Answer(r, s, freeSlots.remove()));
    }
    running.addAll(answers);
    int first = answers.getFirst().slot;
    cached.cache().truncate(first, 0);
    cached.prefill(
        new int[] {first},
        new int[][] {r.asked.prompt()},
        () -> r.cancelled,
        (i, logits) -> {
          for (Answer a : answers) {
            take(a, logits.clone());
          }
        });
    for (Answer a : answers) {
      cached.cache().copy(first, a.slot);
    }
    promptTokens += r.asked.prompt().length;
    leave();
  }

  private void step() {
    leave();
    if (running.isEmpty()) {
      return;
    }
    int[] slots = running.stream().mapToInt(a -> a.slot).toArray();
    int[] ids = running.stream().mapToInt(a -> a.sequence.id(a.sequence.length() - 1)).toArray();
    cached.step(slots, ids, (i, logits) -> take(running.get(i), logits));
  }

  private void take(Answer a, float[] logits) {
    int top = a.request.asked.topLogprobs();
    float[] raw = top < 0 ? null : logits.clone();
    int id = a.sequence.take(logits);
    generatedTokens++;
    Logprobs logprobs = top < 0 ? null : Logprobs.of(raw, id, top);
    if (!a.request.sink.token(a.sequence.index(), id, logprobs)) {
      a.sequence.end(FinishReason.STOP);
    }
  }

  private void leave() {
    for (Iterator<Answer> i = running.iterator(); i.hasNext(); ) {
      Answer a = i.next();
      if (a.request.cancelled) {
        a.sequence.end(FinishReason.CANCELLED);
      }
      Optional<FinishReason> end = a.sequence.finish();
      if (end.isPresent()) {
        i.remove();
        freeSlots.add(a.slot);
        if (--a.request.open == 0) {
          finished++;
        }
        a.request.sink.finished(a.sequence.index(), end.get());
      }
    }
  }

  /** Takes no more requests and waits until those it has are answered. */
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
    while (true) {
      try {
        thread.join();
        break;
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
