package llmengine.nn.generate;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;

/**
 * The loop of a generation without beams: prompts enter free slots of the cache, sequences leave
 * when they end.
 */
final class BatchRun {
  private final CachedModel cached;
  private final Sampler sampler;
  private final TokenListener listener;
  private final BooleanSupplier cancelled;
  private final List<Sequence> running = new ArrayList<>();
  private final ArrayDeque<Integer> freeSlots = new ArrayDeque<>();

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
   * @param kept tokens of a prompt that its slot holds already
   */
  List<Sequence> all(List<int[]> prompts, int context, int kept) {
    List<Sequence> sequences = new ArrayList<>();
    ArrayDeque<Sequence> waiting = new ArrayDeque<>();
    for (int i = 0; i < prompts.size(); i++) {
      Sequence s = new Sequence(sampler, prompts.get(i), i, context, Optional.empty());
      sequences.add(s);
      if (!s.isOver()) {
        waiting.add(s);
      }
    }
    for (int s = 0; s < cached.cache().slots(); s++) {
      freeSlots.add(s);
    }
    while (!waiting.isEmpty() || !running.isEmpty()) {
      List<Sequence> fresh = new ArrayList<>();
      while (!freeSlots.isEmpty() && !waiting.isEmpty()) {
        Sequence s = waiting.remove();
        s.slot = freeSlots.remove();
        cached.cache().truncate(s.slot, kept);
        fresh.add(s);
      }
      if (!prefill(fresh) || !step()) {
        sequences.forEach(s -> s.end(FinishReason.CANCELLED));
        break;
      }
    }
    return sequences;
  }

  private boolean prefill(List<Sequence> fresh) {
    int[] slots = fresh.stream().mapToInt(s -> s.slot).toArray();
    int[][] ids = fresh.stream().map(Sequence::prompt).toArray(int[][]::new);
    boolean whole =
        cached.prefill(slots, ids, cancelled, (i, logits) -> take(fresh.get(i), logits));
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
    int[] slots = new int[running.size()];
    int[] ids = new int[slots.length];
    for (int i = 0; i < slots.length; i++) {
      Sequence s = running.get(i);
      slots[i] = s.slot;
      ids[i] = s.lastId();
    }
    cached.step(slots, ids, (i, logits) -> take(running.get(i), logits));
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
          if (s.isOver()) {
            freeSlots.add(s.slot);
          }
          return s.isOver();
        });
  }
}
