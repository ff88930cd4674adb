package llmengine.serve.schedule;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.function.Consumer;
import llmengine.engine.OutOfMemoryException;
import llmengine.engine.Tensor;
import llmengine.nn.generate.CachedModel;
import llmengine.nn.generate.CachedModel.Piece;

/**
 * Runs the next tokens of many works through the model. If that fails it tries each by itself, so
 * that only those fail which are the reason; tokens that ran twice have the same results.
 */
final class Steps {
  /** The next {@code count} tokens of a work, for which the cache has room. */
  record Step(Work work, int count) {}

  private interface Run {
    void of(List<Step> steps, List<Piece> pieces, boolean[] done);
  }

  private final CachedModel model;
  private final Consumer<Answer> prompted;
  private final float[] raw;
  private final float[] own;
  private long promptTokens;
  private long generatedTokens;

  /**
   * @param prompted told of a first answer whose prompt is complete and whose first token is chosen
   */
  Steps(CachedModel model, Consumer<Answer> prompted) {
    this.model = model;
    this.prompted = prompted;
    this.raw = new float[model.vocab()];
    this.own = new float[model.vocab()];
  }

  /** Tokens that ran as prompts. */
  long promptTokens() {
    return promptTokens;
  }

  /** Tokens of answers that were chosen. */
  long generatedTokens() {
    return generatedTokens;
  }

  void run(List<Step> steps) {
    List<Step> prompts = new ArrayList<>();
    List<Step> texts = new ArrayList<>();
    List<Step> generated = new ArrayList<>();
    for (Step s : steps) {
      switch (s.work) {
        case Text t -> texts.add(s);
        case Answer a -> (a.isInPrompt() ? prompts : generated).add(s);
      }
    }
    run(prompts, this::prompts);
    run(texts, this::texts);
    run(generated, this::generated);
  }

  private void run(List<Step> steps, Run run) {
    if (steps.isEmpty()) {
      return;
    }
    steps.sort(Comparator.comparingInt(s -> s.work.job().model.adapter));
    int[] before = steps.stream().mapToInt(s -> s.work.keys.length()).toArray();
    boolean[] done = new boolean[steps.size()];
    try {
      run.of(steps, pieces(steps), done);
    } catch (RuntimeException | OutOfMemoryError e) {
      List<Step> again = new ArrayList<>();
      for (int i = 0; i < done.length; i++) {
        if (!done[i]) {
          steps.get(i).work.keys.truncate(before[i]);
          again.add(steps.get(i));
        }
      }
      if (steps.size() == 1) {
        steps.getFirst().work.job().fail(described(e));
      } else {
        again.forEach(s -> run(new ArrayList<>(List.of(s)), run));
      }
    }
  }

  private static RuntimeException described(Throwable e) {
    return e instanceof RuntimeException r
        ? r
        : new OutOfMemoryException("serve: out of Java heap: " + e.getMessage() + ". Raise -Xmx.");
  }

  private static List<Piece> pieces(List<Step> steps) {
    List<Piece> pieces = new ArrayList<>();
    for (Step s : steps) {
      int from = s.work.keys.length();
      int[] ids = new int[s.count];
      Arrays.setAll(ids, i -> s.work.id(from + i));
      boolean read = s.work instanceof Answer && from + s.count == s.work.length();
      pieces.add(new Piece(s.work.keys, ids, s.work.job().model.adapter, read));
    }
    return pieces;
  }

  private void prompts(List<Step> steps, List<Piece> pieces, boolean[] done) {
    model.prompts(
        pieces,
        (i, logits) -> {
          Answer first = (Answer) steps.get(i).work;
          done[i] = true;
          keep(first); // before others fork
          guarded(first, () -> begin(first, logits));
        });
    for (Step s : steps) {
      keep(s.work);
      promptTokens += s.count;
    }
  }

  /** Chooses the first token of all answers to a request. */
  private void begin(Answer first, float[] logits) {
    List<Answer> all = first.job().works();
    for (Answer a : all) {
      if (!a.isOver()) {
        System.arraycopy(logits, 0, own, 0, logits.length);
        a.take(own, raw);
        generatedTokens++;
      }
    }
    prompted.accept(first);
  }

  private void texts(List<Step> steps, List<Piece> pieces, boolean[] done) {
    model.texts(
        pieces,
        (tape, hidden) -> {
          int at = 0;
          for (int i = 0; i < done.length; i++) {
            Step s = steps.get(i);
            Tensor rows = hidden.rows(at, at + s.count);
            done[i] = true;
            guarded(s.work, () -> ((Text) s.work).read(tape, rows));
            at += s.count;
          }
        });
    for (Step s : steps) {
      keep(s.work);
      promptTokens += s.count;
    }
  }

  private void generated(List<Step> steps, List<Piece> pieces, boolean[] done) {
    model.generated(
        pieces,
        (i, logits) -> {
          Answer a = (Answer) steps.get(i).work;
          done[i] = true;
          guarded(
              a,
              () -> {
                a.take(logits, raw);
                generatedTokens++;
              });
        });
  }

  private void keep(Work w) {
    w.keys.keep(w.job().model.root(model.cache()), w::id, w.prompt());
  }

  /** What goes wrong with one is no matter of the others. */
  private static void guarded(Work w, Runnable work) {
    try {
      work.run();
    } catch (RuntimeException e) {
      w.job().fail(e);
    }
  }
}
