package llmengine.nn.generate;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.function.BooleanSupplier;
import llmengine.nn.Decoder;

/**
 * Beam search for one prompt after another, with the rules of transformers' generation: a step has
 * max(2, 1 + stop ids) * num_beams candidates by summed log-probability; those of the first
 * num_beams that end enter the list of the num_beams best finished ones, with score sum /
 * length^length_penalty; the best num_beams that go on are the next beams. When ids are drawn the
 * candidates are drawn without replacement (Kool et al. 2019, "Stochastic beams and where to find
 * them").
 */
final class BeamSearch implements AutoCloseable {

  private record Beam(TokenHistory history, float score) {}

  private record Candidate(int parent, int id, float score, double key) {}

  private record Finished(int[] ids, float score) {}

  private final Decoder model;
  private final SamplingOptions options;
  private final Sampler sampler;
  private final CachedModel cached;
  private final int width;
  private KvSequence[] keys = {}; // of the beams

  BeamSearch(Decoder model, SamplingOptions options, Sampler sampler) {
    this.model = model;
    this.options = options;
    this.sampler = sampler;
    this.width = options.numBeams();
    this.cached = new CachedModel(model);
  }

  List<Generation> search(
      int index, int[] prompt, TokenListener listener, BooleanSupplier cancelled) {
    int budget = options.budget(prompt.length, model.spec().context());
    List<Beam> beams = List.of(new Beam(sampler.history(prompt), 0));
    List<Finished> finished = new ArrayList<>(); // best first
    FinishReason open = FinishReason.LENGTH; // of sequences that don't end with a stop id
    boolean improvable = budget > 0;
    for (int length = 1; improvable; length++) {
      Candidates candidates = new Candidates(beams, index);
      if (!forward(prompt, beams, length == 1, cancelled, candidates)) {
        open = FinishReason.CANCELLED;
        if (finished.isEmpty() && length > 1) {
          beams.forEach(b -> finished.add(new Finished(b.history.answer(), Float.NaN)));
        }
        break;
      }
      List<Candidate> best = candidates.best();
      beams = advance(beams, best, length, budget, finished);
      improvable = length < budget && improvable(beams.getFirst().score, length, budget, finished);
    }
    return results(index, finished, open, listener);
  }

  /** Logits of all beams to the candidates; false if cancelled. */
  private boolean forward(
      int[] prompt, List<Beam> beams, boolean first, BooleanSupplier cancelled, Candidates to) {
    if (first) {
      use(cached.cache().open());
      return cached.prefill(keys, new int[][] {prompt}, cancelled, to::offer);
    }
    if (cancelled.getAsBoolean()) {
      return false;
    }
    int[] ids = new int[width];
    for (int i = 0; i < width; i++) {
      TokenHistory h = beams.get(i).history;
      ids[i] = h.id(h.length() - 1);
    }
    cached.step(keys, ids, to::offer);
    return true;
  }

  /**
   * Moves the candidates that end to {@code finished} and returns the beams of the next step, best
   * first.
   */
  private List<Beam> advance(
      List<Beam> beams, List<Candidate> best, int length, int budget, List<Finished> finished) {
    List<Candidate> going = new ArrayList<>();
    for (int i = 0; i < best.size(); i++) {
      Candidate c = best.get(i);
      if (length < budget && !options.stopIds().contains(c.id)) {
        going.add(c);
      } else if (i < width) {
        int[] ids = Arrays.copyOf(beams.get(c.parent).history.answer(), length);
        ids[length - 1] = c.id;
        float score = (float) (c.score / Math.pow(length, options.lengthPenalty()));
        finished.add(new Finished(ids, score));
      }
    }
    finished.sort(Comparator.comparingDouble((Finished f) -> f.score).reversed());
    if (finished.size() > width) {
      finished.subList(width, finished.size()).clear();
    }
    if (going.isEmpty()) {
      return beams; // at the limit
    }
    going.sort(Comparator.comparingDouble((Candidate c) -> c.score).reversed());
    List<Beam> next = new ArrayList<>();
    KvSequence[] forks = new KvSequence[width];
    for (int i = 0; i < width; i++) {
      Candidate c = going.get(i);
      TokenHistory history = new TokenHistory(beams.get(c.parent).history);
      history.add(c.id);
      next.add(new Beam(history, c.score));
      forks[i] = keys[c.parent].fork();
    }
    use(forks);
    return next;
  }

  private void use(KvSequence... next) {
    for (KvSequence old : keys) {
      old.close();
    }
    keys = next;
  }

  /** Whether a running beam could still get among the finished ones. */
  private boolean improvable(float bestRunning, int length, int budget, List<Finished> finished) {
    boolean full = finished.size() == width;
    if (!full) {
      return true;
    }
    if (options.earlyStopping() == EarlyStopping.YES) {
      return false;
    }
    boolean longest = options.earlyStopping() == EarlyStopping.NEVER && options.lengthPenalty() > 0;
    double possible = bestRunning / Math.pow(longest ? budget : length, options.lengthPenalty());
    return (float) possible > finished.getLast().score;
  }

  private List<Generation> results(
      int index, List<Finished> finished, FinishReason open, TokenListener listener) {
    List<Generation> out = new ArrayList<>();
    for (int r = 0; r < options.numReturnSequences(); r++) {
      Finished f = r < finished.size() ? finished.get(r) : new Finished(new int[0], Float.NaN);
      boolean stopped = f.ids.length > 0 && options.stopIds().contains(f.ids[f.ids.length - 1]);
      out.add(new Generation(index, f.ids, stopped ? FinishReason.STOP : open, f.score));
    }
    int[] ids = out.getFirst().ids();
    for (int i = 0; i < ids.length; i++) {
      if (!listener.token(index, ids[i], i == ids.length - 1)) {
        out.set(
            0,
            new Generation(
                index, Arrays.copyOf(ids, i + 1), FinishReason.STOP, out.getFirst().score()));
        break;
      }
    }
    return out;
  }

  /**
   * The best continuations of all beams, found while the logits of one beam after the other come
   * in.
   */
  private final class Candidates {
    private final List<Beam> beams;
    private final long stream;
    private final int most = Math.max(2, 1 + options.stopIds().size()) * width;
    private final List<Candidate> best = new ArrayList<>(most + 1); // best first

    Candidates(List<Beam> beams, long stream) {
      this.beams = beams;
      this.stream = stream;
    }

    void offer(int parent, float[] logits) {
      Beam beam = beams.get(parent);
      logSoftmax(logits);
      sampler.process(logits, beam.history);
      int position = beam.history.answerLength();
      for (int id = 0; id < logits.length; id++) {
        float score = logits[id] + beam.score;
        double key = score;
        if (options.draws()) {
          long draw = (long) parent * logits.length + id;
          double u = Sampler.uniform(options.seed(), stream, position, draw);
          key -= Math.log(-Math.log(u + 0x1p-54)); // Gumbel noise: the largest keys are a draw
        }
        if (best.size() < most || key > best.getLast().key) {
          insert(new Candidate(parent, id, score, key));
        }
      }
    }

    private void insert(Candidate c) {
      int at = best.size();
      while (at > 0 && best.get(at - 1).key < c.key) {
        at--;
      }
      best.add(at, c);
      if (best.size() > most) {
        best.removeLast();
      }
    }

    List<Candidate> best() {
      return best;
    }
  }

  private static void logSoftmax(float[] logits) {
    float max = Float.NEGATIVE_INFINITY;
    for (float v : logits) {
      max = Math.max(max, v);
    }
    float lse = (float) Math.log(DistributionFilter.total(logits, max));
    for (int i = 0; i < logits.length; i++) {
      logits[i] = logits[i] - max - lse;
    }
  }

  @Override
  public void close() {
    cached.close();
  }
}
