package llmengine.serve.grammar;

import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.IntStream;
import llmengine.data.Tokenizer;

/**
 * The bytes of a tokenizer's tokens, as a trie in depth-first order. Immutable; making one takes
 * some tenths of a second for 150 000 tokens, so it is made once for a model.
 */
public final class Vocabulary {
  private final int[] stopIds;
  private final byte[][] bytes;
  private final Map<String, Integer> specials = new HashMap<>();
  private final int longest;
  // nodes of the trie; node 0 is the root
  private byte[] label = new byte[1024];
  private int[] end = new int[1024];
  private short[] depth = new short[1024];
  private int[] token = new int[1024];
  private int nodes;
  // the next id with the same bytes, or -1
  private final int[] same;

  private Vocabulary(Tokenizer tokenizer, Set<Integer> stopIds) {
    this.stopIds = stopIds.stream().mapToInt(Integer::intValue).sorted().toArray();
    List<byte[]> all = tokenizer.tokenBytes();
    bytes = new byte[all.size()][];
    for (int id = 0; id < bytes.length; id++) {
      boolean special = tokenizer.isSpecial(id);
      bytes[id] = special || stopIds.contains(id) ? new byte[0] : all.get(id);
      if (special && !stopIds.contains(id)) {
        specials.put(tokenizer.tokenOf(id), id);
      }
    }
    longest = Arrays.stream(bytes).mapToInt(b -> b.length).max().orElse(0);
    same = new int[bytes.length];
    build();
  }

  /**
   * The vocabulary of a model whose answers end by any of {@code stopIds} (at least one). Special
   * tokens are no text: a grammar must name them.
   */
  public static Vocabulary of(Tokenizer tokenizer, Set<Integer> stopIds) {
    if (stopIds.isEmpty()) {
      throw new GrammarException(
          "vocabulary: no stop id: expected at least one, got none. An answer could not end.");
    }
    return new Vocabulary(tokenizer, stopIds);
  }

  private void build() {
    Arrays.fill(same, -1);
    int[] order =
        IntStream.range(0, bytes.length)
            .filter(id -> bytes[id].length > 0 && bytes[id].length < Short.MAX_VALUE)
            .boxed()
            .sorted(Comparator.comparing((Integer id) -> bytes[id], Arrays::compareUnsigned))
            .mapToInt(Integer::intValue)
            .toArray();
    int[] path = new int[longest + 1]; // nodes from the root to the last token's
    add(0, (byte) 0);
    int length = 0;
    byte[] last = new byte[0];
    for (int id : order) {
      byte[] b = bytes[id];
      int common = Arrays.mismatch(last, b);
      if (common < 0) {
        common = b.length;
      }
      for (int d = length; d > common; d--) {
        end[path[d]] = nodes;
      }
      for (int d = common; d < b.length; d++) {
        path[d + 1] = add(d + 1, b[d]);
      }
      length = b.length;
      last = b;
      int node = path[length];
      same[id] = token[node];
      token[node] = id;
    }
    for (int d = length; d >= 0; d--) {
      end[path[d]] = nodes;
    }
  }

  private int add(int nodeDepth, byte value) {
    if (nodes == label.length) {
      int more = 2 * nodes;
      label = Arrays.copyOf(label, more);
      end = Arrays.copyOf(end, more);
      depth = Arrays.copyOf(depth, more);
      token = Arrays.copyOf(token, more);
    }
    label[nodes] = value;
    depth[nodes] = (short) nodeDepth;
    token[nodes] = -1;
    return nodes++;
  }

  /** Ids that end an answer, in order. */
  int[] stopIds() {
    return stopIds;
  }

  /** Number of ids. */
  public int size() {
    return bytes.length;
  }

  /** Bytes of the longest token. */
  int longest() {
    return longest;
  }

  /** The bytes an id adds to a text; none for a special token or an id without one. */
  byte[] bytes(int id) {
    return bytes[id];
  }

  /** Id of the special token that is spelled so. */
  OptionalInt special(String spelling) {
    Integer id = specials.get(spelling);
    return id == null ? OptionalInt.empty() : OptionalInt.of(id);
  }

  /** What is met on a walk. */
  interface Visitor {
    /** The state after a node's bytes; may note that the trie goes on beneath. */
    void at(int node, State state, boolean inner);
  }

  int root() {
    return 0;
  }

  /**
   * Walks the nodes beneath {@code from} as far as the recogniser can follow from {@code state},
   * which is the state at {@code from}.
   *
   * @param bits gets the ids of all nodes met
   */
  void walk(int from, State state, Recogniser recogniser, long[] bits, Visitor visitor) {
    int base = depth[from];
    State[] path = new State[longest - base + 1];
    path[0] = state;
    int last = end[from];
    for (int node = from + 1; node < last; ) {
      int at = depth[node] - base;
      State after = recogniser.next(path[at - 1], label[node] & 0xFF);
      if (after.isDead()) {
        node = end[node];
        continue;
      }
      path[at] = after;
      for (int id = token[node]; id >= 0; id = same[id]) {
        bits[id >> 6] |= 1L << id;
      }
      visitor.at(node, after, end[node] > node + 1);
      node++;
    }
  }
}
