package llmengine.nn.generate;

import java.util.Arrays;
import java.util.function.IntUnaryOperator;

/**
 * The keys and values of one sequence in a {@link KvCache}: a table of blocks, which other
 * sequences may hold as well. Belongs to the cache's thread.
 */
public final class KvSequence implements AutoCloseable {
  private static final int BLOCK = KvCache.BLOCK;

  private final KvCache cache;
  private int[] blocks = new int[4];
  private int count; // blocks held
  private int length; // tokens held
  private int named; // blocks in front that have a name

  KvSequence(KvCache cache) {
    this.cache = cache;
  }

  /** Tokens held. */
  public int length() {
    return length;
  }

  int[] blocks() {
    return blocks;
  }

  /** Blocks that it takes to hold {@code more} tokens in addition. */
  public int blocksFor(int more) {
    if (more == 0) {
      return 0;
    }
    boolean copy = length < count * BLOCK && cache.ledger().isShared(blocks[length / BLOCK]);
    return Math.max(0, KvCache.blocksOf(length + more) - count) + (copy ? 1 : 0);
  }

  /** Counts {@code more} tokens in; their rows are this sequence's alone. */
  void extend(int more) {
    PrefixBlocks ledger = cache.ledger();
    int end = length + more;
    if (more > 0 && length < count * BLOCK) {
      int last = length / BLOCK;
      int block = blocks[last];
      if (ledger.isShared(block)) {
        blocks[last] = ledger.take();
        cache.copyRows(block, blocks[last], length % BLOCK);
        ledger.release(block);
      }
    }
    for (int needed = KvCache.blocksOf(end); count < needed; ) {
      add(ledger.take());
    }
    length = end;
  }

  private void add(int block) {
    if (count == blocks.length) {
      blocks = Arrays.copyOf(blocks, 2 * count);
    }
    blocks[count++] = block;
  }

  /** Another sequence that begins with these tokens; the blocks are shared until one writes. */
  public KvSequence fork() {
    KvSequence other = new KvSequence(cache);
    other.blocks = blocks.clone();
    other.count = count;
    other.length = length;
    other.named = named;
    for (int i = 0; i < count; i++) {
      cache.ledger().share(blocks[i]);
    }
    return other;
  }

  /** Forgets the tokens from position {@code length} on. */
  public void truncate(int length) {
    if (length < this.length) {
      this.length = length;
      int needed = KvCache.blocksOf(length);
      while (count > needed) { // the end first: of kept blocks it goes first as well
        cache.ledger().release(blocks[--count]);
      }
      named = Math.min(named, length / BLOCK);
    }
  }

  /**
   * Goes on with whole blocks that others left, as long as they hold exactly what this sequence
   * would compute.
   *
   * @param root of the model and adapter that this sequence runs with
   * @param ids of prompt and answer by position
   * @param prompt length of the prompt: its tokens run in the arithmetic of tiles, the others in
   *     that of rows
   * @param most tokens to hold at most
   * @return tokens that it holds now and did not before
   */
  public int reuse(long root, IntUnaryOperator ids, int prompt, int most) {
    int before = length;
    while (length % BLOCK == 0 && named * BLOCK == length && length + BLOCK <= most) {
      int found = cache.ledger().find(nodeBefore(root), asPrompt(prompt), next(ids));
      if (found < 0) {
        break;
      }
      cache.ledger().share(found);
      add(found);
      named++;
      length += BLOCK;
    }
    return length - before;
  }

  /** Lets others find what this sequence's whole blocks hold, also after it closes. */
  public void keep(long root, IntUnaryOperator ids, int prompt) {
    PrefixBlocks ledger = cache.ledger();
    while ((named + 1) * BLOCK <= length) {
      int own = blocks[named];
      int block = ledger.name(own, nodeBefore(root), asPrompt(prompt), next(ids));
      if (block != own) { // somebody computed the same at the same time
        ledger.share(block);
        ledger.release(own);
        blocks[named] = block;
      }
      named++;
    }
  }

  private long nodeBefore(long root) {
    return named == 0 ? root : cache.ledger().node(blocks[named - 1]);
  }

  /** How many tokens of the first block without a name belong to the prompt. */
  private int asPrompt(int prompt) {
    return Math.clamp(prompt - named * BLOCK, 0, BLOCK);
  }

  private int[] next(IntUnaryOperator ids) {
    int[] block = new int[BLOCK];
    for (int i = 0; i < BLOCK; i++) {
      block[i] = ids.applyAsInt(named * BLOCK + i);
    }
    return block;
  }

  /** Gives the blocks back. */
  @Override
  public void close() {
    truncate(0);
  }
}
