package llmengine.nn.generate;

import llmengine.engine.Backend;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Segments;
import llmengine.engine.Tensor;

/**
 * Keys and values of the tokens a model has seen, float32, for several sequences. Slot s owns rows
 * {@code s * capacity} on of each layer's two tensors (slots * capacity, Hkv*D); the capacity
 * doubles when a sequence outgrows it.
 */
public final class KvCache implements AutoCloseable {
  private static final int SMALLEST = 64;

  private final Scope scope;
  private final int width;
  private final int[] lengths;
  private final Tensor[] keys;
  private final Tensor[] values;
  private int capacity;

  /**
   * @param layers of the model
   * @param width Hkv * D
   * @param slots number of sequences
   */
  public KvCache(Backend backend, int layers, int width, int slots) {
    this.scope = new Scope(backend, "kv cache");
    this.width = width;
    this.lengths = new int[slots];
    this.keys = new Tensor[layers];
    this.values = new Tensor[layers];
    grow(SMALLEST);
  }

  public int slots() {
    return lengths.length;
  }

  /** Tokens that slot s holds. */
  public int length(int slot) {
    return lengths[slot];
  }

  /** Forgets the tokens of a slot from position {@code length} on. */
  public void truncate(int slot, int length) {
    lengths[slot] = Math.min(lengths[slot], length);
  }

  /** Makes slot {@code to} a copy of slot {@code from}. */
  public void copy(int from, int to) {
    if (from == to) {
      return;
    }
    lengths[to] = lengths[from];
    for (int l = 0; l < keys.length; l++) {
      copyRows(keys[l], from * capacity, keys[l], to * capacity, lengths[from]);
      copyRows(values[l], from * capacity, values[l], to * capacity, lengths[from]);
    }
  }

  /** Slot i becomes what slot {@code sources[i]} was (beam search). */
  public void permute(int[] sources) {
    int[] old = lengths.clone();
    for (int l = 0; l < keys.length; l++) {
      keys[l] = permuted(keys[l], sources, old);
      values[l] = permuted(values[l], sources, old);
    }
    for (int s = 0; s < sources.length; s++) {
      lengths[s] = old[sources[s]];
    }
  }

  private Tensor permuted(Tensor t, int[] sources, int[] old) {
    Tensor out = scope.empty(DType.F32, t.rows(), width);
    for (int s = 0; s < sources.length; s++) {
      copyRows(t, sources[s] * capacity, out, s * capacity, old[sources[s]]);
    }
    scope.release(t);
    return out;
  }

  private void copyRows(Tensor from, int fromRow, Tensor to, int toRow, int count) {
    scope.backend().copy(from.rows(fromRow, fromRow + count), to.rows(toRow, toRow + count));
  }

  /** Makes room for {@code counts[i]} more tokens in slot {@code slots[i]} and counts them in. */
  public Segments reserve(int[] slots, int[] counts) {
    int need = 0;
    for (int i = 0; i < slots.length; i++) {
      need = Math.max(need, lengths[slots[i]] + counts[i]);
    }
    if (need > capacity) {
      grow(Math.max(need, 2 * capacity));
    }
    int n = slots.length;
    int[] queryStart = new int[n];
    int[] keyStart = new int[n];
    int[] keyLength = new int[n];
    int at = 0;
    for (int i = 0; i < n; i++) {
      queryStart[i] = at;
      at += counts[i];
      keyStart[i] = slots[i] * capacity;
      lengths[slots[i]] += counts[i];
      keyLength[i] = lengths[slots[i]];
    }
    return new Segments(queryStart, counts.clone(), keyStart, keyLength);
  }

  /** Stores the keys and values of a batch's tokens in the rows that {@link #reserve} set aside. */
  public void store(int layer, Tensor k, Tensor v, Segments segments) {
    for (int i = 0; i < segments.count(); i++) {
      int count = segments.queryLength()[i];
      int from = segments.queryStart()[i];
      int to = segments.keyStart()[i] + segments.keyLength()[i] - count;
      copyRows(k, from, keys[layer], to, count);
      copyRows(v, from, values[layer], to, count);
    }
  }

  public Tensor keys(int layer) {
    return keys[layer];
  }

  public Tensor values(int layer) {
    return values[layer];
  }

  private void grow(int wanted) {
    for (int l = 0; l < keys.length; l++) {
      keys[l] = grown(keys[l], wanted);
      values[l] = grown(values[l], wanted);
    }
    capacity = wanted;
  }

  private Tensor grown(Tensor t, int wanted) {
    Tensor out = scope.empty(DType.F32, Math.multiplyExact(lengths.length, wanted), width);
    if (t != null) {
      for (int s = 0; s < lengths.length; s++) {
        copyRows(t, s * capacity, out, s * wanted, lengths[s]);
      }
      scope.release(t);
    }
    return out;
  }

  @Override
  public void close() {
    scope.close();
  }
}
