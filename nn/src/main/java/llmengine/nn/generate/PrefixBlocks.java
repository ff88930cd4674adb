package llmengine.nn.generate;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/**
 * Who uses which block of a cache, and which unused ones still hold what a later prompt may begin
 * with. A block is free, in use by one or more sequences, or kept: unused, but found again by what
 * its keys are a function of, until its room is needed (the one unused for longest goes first).
 *
 * <p>What a block holds is named by a node: the node before it (for the first, the root of its
 * model and adapter), its ids and how many of them ran as a prompt, in the arithmetic of tiles.
 * Names are compared whole, so different contents never meet. All methods take O(1), but for the
 * hash of a block's ids.
 */
final class PrefixBlocks {
  /** What the keys and values of a block are a function of. */
  private record Name(long before, int asPrompt, int[] ids) {
    @Override
    public boolean equals(Object o) {
      return o instanceof Name n
          && n.before == before
          && n.asPrompt == asPrompt
          && Arrays.equals(n.ids, ids);
    }

    @Override
    public int hashCode() {
      return (Long.hashCode(before) * 31 + asPrompt) * 31 + Arrays.hashCode(ids);
    }
  }

  private final Map<Name, Integer> named = new HashMap<>();
  private int[] references = {};
  private long[] nodes = {}; // of named blocks, else 0
  private Name[] names = {};
  private int[] older = {0}; // ring of the kept blocks, block b at b + 1, through 0
  private int[] newer = {0}; // newer[0] goes first
  private int[] free = {}; // a stack
  private int freeCount;
  private int keptCount;
  private int capacity;
  private long lastNode;

  /** Adds blocks up to this number of them. */
  void grow(int to) {
    references = Arrays.copyOf(references, to);
    nodes = Arrays.copyOf(nodes, to);
    names = Arrays.copyOf(names, to);
    older = Arrays.copyOf(older, to + 1);
    newer = Arrays.copyOf(newer, to + 1);
    free = Arrays.copyOf(free, to);
    for (int b = to - 1; b >= capacity; b--) { // low ones first: their rows follow each other
      free[freeCount++] = b;
    }
    capacity = to;
  }

  int capacity() {
    return capacity;
  }

  /** Blocks that hold nothing. */
  int free() {
    return freeCount;
  }

  /** Unused blocks that hold what may be asked for again. */
  int kept() {
    return keptCount;
  }

  int used() {
    return capacity - freeCount - keptCount;
  }

  /** A number that nothing had before: the root of a model's or adapter's blocks. */
  long newRoot() {
    return ++lastNode;
  }

  /** A block for one user; there must be a free or a kept one. */
  int take() {
    int block;
    if (freeCount > 0) {
      block = free[--freeCount];
    } else {
      block = newer[0] - 1;
      if (block < 0) {
        throw new IllegalStateException("kv cache: expected a free block, got none.");
      }
      unlink(block);
      forget(block);
    }
    references[block] = 1;
    return block;
  }

  /** One user more. */
  void share(int block) {
    if (references[block]++ == 0) {
      unlink(block);
    }
  }

  /** One user less. */
  void release(int block) {
    if (--references[block] > 0) {
      return;
    }
    if (nodes[block] == 0) {
      free[freeCount++] = block;
      return;
    }
    int newest = older[0];
    older[block + 1] = newest;
    newer[block + 1] = 0;
    newer[newest] = block + 1;
    older[0] = block + 1;
    keptCount++;
  }

  /** Whether writing to the block would change what others see or will find. */
  boolean isShared(int block) {
    return references[block] > 1 || nodes[block] != 0;
  }

  /** The block that holds this, -1 for none. */
  int find(long before, int asPrompt, int[] ids) {
    return named.getOrDefault(new Name(before, asPrompt, ids), -1);
  }

  /** Names a block in use, unless another has that name; returns the block that has it. */
  int name(int block, long before, int asPrompt, int[] ids) {
    Name name = new Name(before, asPrompt, ids);
    Integer known = named.putIfAbsent(name, block);
    if (known != null) {
      return known;
    }
    nodes[block] = ++lastNode;
    names[block] = name;
    return block;
  }

  /** The node of a named block. */
  long node(int block) {
    return nodes[block];
  }

  private void forget(int block) {
    named.remove(names[block]);
    names[block] = null;
    nodes[block] = 0;
  }

  private void unlink(int block) {
    newer[older[block + 1]] = newer[block + 1];
    older[newer[block + 1]] = older[block + 1];
    keptCount--;
  }
}
