package llmengine.serve;

import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import llmengine.data.Tokenizer;
import llmengine.nn.generate.FinishReason;
import llmengine.serve.schedule.GenerationRequest;
import llmengine.serve.schedule.Generations;
import llmengine.serve.schedule.Logprobs;
import llmengine.serve.schedule.QueueFullException;
import llmengine.serve.schedule.TokenSink;

/** Stands in for the scheduler: answers what a script says, at the pace it says. */
public final class ScriptedGenerations implements Generations {
  private final List<String> models;
  private final List<int[]> scripts; // answer i has script i modulo their number
  private final Semaphore pace = new Semaphore(0); // a token takes one, unless free
  private final boolean free;
  private final AtomicInteger full = new AtomicInteger();

  /** The last request. */
  public volatile GenerationRequest asked;

  /** Answers that were cancelled. */
  public final AtomicInteger cancelled = new AtomicInteger();

  /** Counts down with every request that is cancelled. */
  public final CountDownLatch gone = new CountDownLatch(1);

  private ScriptedGenerations(List<String> models, List<int[]> scripts, boolean free) {
    this.models = models;
    this.scripts = scripts;
    this.free = free;
  }

  /** Writes these texts as fast as it can. */
  public static ScriptedGenerations fast(Tokenizer tokenizer, String... texts) {
    return new ScriptedGenerations(List.of("model", "adapter"), ids(tokenizer, texts), true);
  }

  /** Writes these texts token by token, as {@link #allow} says. */
  public static ScriptedGenerations paced(Tokenizer tokenizer, String... texts) {
    return new ScriptedGenerations(List.of("model", "adapter"), ids(tokenizer, texts), false);
  }

  private static List<int[]> ids(Tokenizer tokenizer, String... texts) {
    return List.of(texts).stream().map(tokenizer::encode).toList();
  }

  /** Lets this many tokens be written. */
  public void allow(int tokens) {
    pace.release(tokens);
  }

  /** Refuses this many requests, as if too many waited. */
  public void refuse(int requests) {
    full.set(requests);
  }

  @Override
  public List<String> models() {
    return models;
  }

  @Override
  public Ticket submit(GenerationRequest request, TokenSink sink) {
    asked = request;
    if (full.getAndUpdate(n -> Math.max(0, n - 1)) > 0) {
      throw new QueueFullException(1);
    }
    Run run = new Run(request, sink);
    Thread.ofVirtual().start(run);
    return run;
  }

  private final class Run implements Ticket, Runnable {
    private final GenerationRequest request;
    private final TokenSink sink;
    private volatile boolean cancel;
    private volatile boolean over;

    Run(GenerationRequest request, TokenSink sink) {
      this.request = request;
      this.sink = sink;
    }

    @Override
    public void run() {
      for (int choice = 0; choice < request.choices(); choice++) {
        sink.finished(choice, write(choice));
      }
      over = true;
    }

    private FinishReason write(int choice) {
      int[] script = scripts.get(choice % scripts.size());
      for (int i = 0; i < script.length; i++) {
        if (!free) {
          pace.acquireUninterruptibly();
        }
        if (cancel) {
          cancelled.incrementAndGet();
          return FinishReason.CANCELLED;
        }
        if (request.options().maxNewTokens() > 0 && i == request.options().maxNewTokens()) {
          return FinishReason.LENGTH;
        }
        Logprobs logprobs =
            request.topLogprobs() < 0
                ? null
                : new Logprobs(
                    -0.5f,
                    request.topLogprobs() == 0 ? new int[0] : new int[] {script[i]},
                    request.topLogprobs() == 0 ? new float[0] : new float[] {-0.5f});
        if (!sink.token(choice, script[i], logprobs)) {
          return FinishReason.STOP;
        }
      }
      return FinishReason.STOP;
    }

    @Override
    public void cancel() {
      if (!over) {
        cancel = true;
        gone.countDown();
        pace.release(1);
      }
    }

    @Override
    public int cachedPromptTokens() {
      return 3;
    }
  }
}
