package llmengine.nn.generate;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;

/**
 * The loop of a generation without beams: prompts enter while there is room, sequences leave when
 * they end.
 */
final class BatchRun {
  private final CachedModel cached;
  private final Sampler sampler;
  private final TokenListener listener;
  private final BooleanSupplier cancelled;
  private final List<Sequence> running = new ArrayList<>();
  private final List<KvSequence> opened = new ArrayList<>(); // by this run

  BatchRun(CachedModel cached, Sampler sampler, TokenListener listener, BooleanSupplier cancelled) {
    this.cached = cached;
    this.sampler = sampler;
    this.listener = listener;
    this.cancelled = cancelled;
  }

  /**
   * Runs all prompts to their end.
   *
   * @param context tokens that a sequence may have in all
   * @param batch sequences that run together
   */
  List<Sequence> all(List<int[]> prompts, int context, int batch) {
    List<Sequence> sequences = new ArrayList<>();
    for (int i = 0; i < prompts.size(); i++) {
      sequences.add(new Sequence(sampler, prompts.get(i), i, context, Optional.empty()));
    }
    all(sequences, batch);
    return sequences;
  }

  /** Runs one prompt to its end, of which {@code keys} holds a proper prefix. */
  Sequence one(int[] prompt, int context, KvSequence keys) {
    Sequence s = new Sequence(sampler, prompt, 0, context, Optional.empty());
    s.keys = keys;
    all(List.of(s), 1);
    return s;
  }

  private void all(List<Sequence> sequences, int batch) {
    ArrayDeque<Sequence> waiting = new ArrayDeque<>(sequences);
    waiting.removeIf(Sequence::isOver);
    try {
      while (!waiting.isEmpty() || !running.isEmpty()) {
        List<Sequence> fresh = new ArrayList<>();
        while (running.size() + fresh.size() < batch && !waiting.isEmpty()) {
          Sequence s = waiting.remove();
          if (s.keys == null) {
            s.keys = cached.cache().open();
            opened.add(s.keys);
          }
          fresh.add(s);
        }
        if (!prefill(fresh) || !step()) {
          sequences.forEach(s -> s.end(FinishReason.CANCELLED));
          break;
        }
      }
    } finally {
      opened.forEach(KvSequence::close);
    }
  }

  private boolean prefill(List<Sequence> fresh) {
    KvSequence[] keys = fresh.stream().map(s -> s.keys).toArray(KvSequence[]::new);
    int[][] ids = fresh.stream().map(Sequence::prompt).toArray(int[][]::new);
    boolean whole = cached.prefill(keys, ids, cancelled, (i, logits) -> take(fresh.get(i), logits));
    running.addAll(fresh);
    leave();
    return whole;
  }

  private boolean step() {
    if (running.isEmpty()) {
      return true;
    }
    if (cancelled.getAsBoolean()) {
      return false;
    }
    KvSequence[] keys = running.stream().map(s -> s.keys).toArray(KvSequence[]::new);
    int[] ids = running.stream().mapToInt(Sequence::lastId).toArray();
    cached.step(keys, ids, (i, logits) -> take(running.get(i), logits));
    leave();
    return true;
  }

  /** Chooses a sequence's next token. */
  private void take(Sequence s, float[] logits) {
    int id = s.take(logits);
    if (!listener.token(s.index(), id, s.isOver())) {
      s.end(FinishReason.STOP);
    }
  }

  private void leave() {
    running.removeIf(
        s -> {
          if (s.isOver() && opened.remove(s.keys)) {
            s.keys.close();
          }
          return s.isOver();
        });
  }
}
