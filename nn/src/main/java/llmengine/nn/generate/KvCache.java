package llmengine.nn.generate;

import llmengine.engine.Backend;
import llmengine.engine.DType;
import llmengine.engine.OutOfMemoryException;
import llmengine.engine.Scope;
import llmengine.engine.Segments;
import llmengine.engine.Tensor;

/**
 * Keys and values of the tokens a model has seen, float32, of many sequences, in blocks of {@link
 * #BLOCK} tokens (Kwon et al. 2023, "PagedAttention", section 4). Block b is rows {@code b * BLOCK}
 * on of each layer's two tensors (blocks * BLOCK, Hkv*D). Sequences that begin alike share blocks;
 * one that writes to a shared block copies it first. Belongs to one thread.
 */
public final class KvCache implements AutoCloseable {
  /** Tokens of a block: a power of two, and whole panels of the attention kernels. */
  public static final int BLOCK = 32;

  private static final int SMALLEST = 8; // blocks

  private final Scope scope;
  private final int width;
  private final PrefixBlocks ledger = new PrefixBlocks();
  private final Tensor[] keys;
  private final Tensor[] values;
  private final boolean growing;

  private KvCache(Backend backend, int layers, int width, int blocks, boolean growing) {
    this.scope = new Scope(backend, "kv cache");
    this.width = width;
    this.keys = new Tensor[layers];
    this.values = new Tensor[layers];
    this.growing = growing;
    try {
      grow(blocks);
    } catch (RuntimeException e) {
      scope.close();
      throw e;
    }
  }

  /**
   * A cache that grows with what its sequences hold.
   *
   * @param layers of the model
   * @param width Hkv * D
   */
  public static KvCache growing(Backend backend, int layers, int width) {
    return new KvCache(backend, layers, width, SMALLEST, true);
  }

  /**
   * A cache that takes its memory at once and never more.
   *
   * @param layers of the model
   * @param width Hkv * D
   * @param bytes at most
   * @throws IllegalArgumentException if not one block has room
   */
  public static KvCache bounded(Backend backend, int layers, int width, long bytes) {
    long perBlock = bytesPerToken(layers, width) * BLOCK;
    long blocks = Math.min(bytes / perBlock, Integer.MAX_VALUE / BLOCK);
    if (blocks < 1) {
      throw new IllegalArgumentException(
          "kv cache: expected room for one block of "
              + BLOCK
              + " tokens at least, which takes "
              + perBlock
              + " bytes, got "
              + bytes
              + ".");
    }
    return new KvCache(backend, layers, width, (int) blocks, false);
  }

  /** Bytes that a token's keys and values take in all layers. */
  public static long bytesPerToken(int layers, int width) {
    return 2L * DType.F32.bytes() * layers * width;
  }

  static int blocksOf(int tokens) {
    return (tokens + BLOCK - 1) / BLOCK;
  }

  /** An empty sequence. */
  public KvSequence open() {
    return new KvSequence(this);
  }

  /** A root (see {@link KvSequence#reuse}) that stands for a model or adapter from now on. */
  public long newRoot() {
    return ledger.newRoot();
  }

  /** Blocks in all; a growing cache has more when it needs them. */
  public int blocks() {
    return ledger.capacity();
  }

  /** Blocks that sequences hold. */
  public int usedBlocks() {
    return ledger.used();
  }

  /** Blocks that no sequence holds but a later one may begin with. */
  public int keptBlocks() {
    return ledger.kept();
  }

  /** Blocks that sequences could still take. */
  public int availableBlocks() {
    return ledger.free() + ledger.kept();
  }

  PrefixBlocks ledger() {
    return ledger;
  }

  /**
   * Makes room for {@code counts[i]} more tokens in {@code sequences[i]} and counts them in; either
   * for all or for none.
   *
   * @throws OutOfMemoryException if too few blocks are left
   */
  public Segments reserve(KvSequence[] sequences, int[] counts) {
    long needed = 0;
    for (int i = 0; i < sequences.length; i++) {
      needed += sequences[i].blocksFor(counts[i]);
    }
    if (needed > availableBlocks()) {
      if (!growing) {
        throw new OutOfMemoryException(
            "kv cache: expected at most "
                + availableBlocks()
                + " more blocks of "
                + BLOCK
                + " tokens, got a request of "
                + needed
                + ". Run fewer sequences at a time or give the cache more memory.");
      }
      long held = (long) ledger.used() + needed;
      grow(Math.toIntExact(Math.max(held, 2L * ledger.capacity())));
    }
    int n = sequences.length;
    int[] keyLength = new int[n];
    int[][] blocks = new int[n][];
    for (int i = 0; i < n; i++) {
      sequences[i].extend(counts[i]);
      keyLength[i] = sequences[i].length();
      blocks[i] = sequences[i].blocks();
    }
    return Segments.paged(counts.clone(), keyLength, blocks, BLOCK);
  }

  /** Stores the keys and values of a batch's tokens in the rows that {@link #reserve} set aside. */
  public void store(int layer, Tensor k, Tensor v, Segments segments) {
    for (int s = 0; s < segments.count(); s++) {
      int from = segments.queryStart()[s];
      int end = segments.keyLength()[s];
      for (int j = end - segments.queryLength()[s]; j < end; ) {
        int n = segments.adjacentKeys(s, j, end - j);
        int row = segments.key(s, j);
        copy(k, from, keys[layer], row, n);
        copy(v, from, values[layer], row, n);
        from += n;
        j += n;
      }
    }
  }

  public Tensor keys(int layer) {
    return keys[layer];
  }

  public Tensor values(int layer) {
    return values[layer];
  }

  /** Copies the first {@code count} rows of a block. */
  void copyRows(int fromBlock, int toBlock, int count) {
    for (int l = 0; l < keys.length; l++) {
      copy(keys[l], fromBlock * BLOCK, keys[l], toBlock * BLOCK, count);
      copy(values[l], fromBlock * BLOCK, values[l], toBlock * BLOCK, count);
    }
  }

  private void copy(Tensor from, int fromRow, Tensor to, int toRow, int count) {
    scope.backend().copy(from.rows(fromRow, fromRow + count), to.rows(toRow, toRow + count));
  }

  private void grow(int blocks) {
    for (int l = 0; l < keys.length; l++) {
      keys[l] = grown(keys[l], blocks);
      values[l] = grown(values[l], blocks);
    }
    ledger.grow(blocks);
  }

  private Tensor grown(Tensor t, int blocks) {
    Tensor out = scope.empty(DType.F32, Math.multiplyExact(blocks, BLOCK), width);
    if (t != null) {
      copy(t, 0, out, 0, t.rows());
      scope.release(t);
    }
    return out;
  }

  @Override
  public void close() {
    scope.close();
  }
}
