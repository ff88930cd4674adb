package llmengine.serve.grammar;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.OptionalInt;

/**
 * Which tokens each state of a grammar allows. Shared by all answers under the grammar; safe for
 * concurrent use.
 *
 * <p>A state's tokens are those of its heads. A head's tokens depend on its node alone up to where
 * the rule on top of the stack ends; that part is computed once per node by a walk over the whole
 * vocabulary, with the places in the trie where the rule has ended. From there on the walk goes
 * through the few tokens beneath with the stack at hand.
 */
final class TokenMasks {
  // bytes of id sets that are kept before all are dropped
  private static final long MOST_BYTES = 24L << 20;

  private record Local(IdSet ids, int[] ends) {}

  private final Vocabulary vocabulary;
  private final Recogniser recogniser;
  private final int[] specialIds; // by index in the program, -1 where the vocabulary has none
  private final Map<Integer, Local> locals = new HashMap<>();
  private final Program program;
  private long bytes;

  TokenMasks(Program program, Vocabulary vocabulary) {
    this.program = program;
    this.vocabulary = vocabulary;
    this.recogniser = new Recogniser(program, vocabulary.longest());
    this.specialIds = new int[program.specials.length];
    for (int i = 0; i < specialIds.length; i++) {
      OptionalInt id = vocabulary.special(program.specials[i]);
      specialIds[i] = id.orElse(-1);
    }
  }

  int[] stopIds() {
    return vocabulary.stopIds();
  }

  synchronized State start() {
    return recogniser.start();
  }

  /** Ids that may follow. */
  synchronized IdSet allowed(State state) {
    State at = recogniser.clamped(recogniser.adopt(state));
    if (at.allowed == null) {
      if (bytes > MOST_BYTES || recogniser.isFull()) {
        forget();
        at = recogniser.clamped(recogniser.adopt(state));
      }
      at.allowed = compute(at);
      bytes += at.allowed.bytes();
    }
    return at.allowed;
  }

  /** The state after a token; dead if it may not come. */
  synchronized State after(State state, int id) {
    if (recogniser.isFull()) {
      forget();
    }
    State at = recogniser.adopt(state);
    for (int i = 0; i < specialIds.length; i++) {
      if (specialIds[i] == id) {
        return recogniser.nextSpecial(at, i);
      }
    }
    byte[] text = id >= 0 && id < vocabulary.size() ? vocabulary.bytes(id) : new byte[0];
    return text.length == 0 ? Recogniser.DEAD : recogniser.next(at, text);
  }

  // Sets of single nodes go too: they and the states share the bound.
  private void forget() {
    recogniser.forget();
    locals.clear();
    bytes = 0;
  }

  /** Rough number of bytes that are held. */
  synchronized long bytes() {
    return bytes + recogniser.bytes() + 24L * program.nodes();
  }

  private IdSet compute(State state) {
    long[] bits = new long[(vocabulary.size() + 63) / 64];
    for (int i = 0; i < state.nodes.length; i++) {
      int node = state.nodes[i];
      if (program.kind[node] == Program.SPECIAL) {
        int id = specialIds[program.a[node]];
        if (id >= 0) {
          bits[id >> 6] |= 1L << id;
        }
        continue;
      }
      Local local = local(node);
      local.ids.addTo(bits);
      Frame frame = state.frames[i];
      if (frame.parent != null && local.ends.length > 0) {
        State beneath = recogniser.popped(frame);
        for (int end : local.ends) {
          vocabulary.walk(end, beneath, recogniser, bits, (at, after, inner) -> {});
        }
      }
    }
    return IdSet.of(bits);
  }

  private Local local(int node) {
    Local known = locals.get(node);
    if (known == null) {
      long[] bits = new long[(vocabulary.size() + 63) / 64];
      Ends ends = new Ends();
      vocabulary.walk(vocabulary.root(), recogniser.alone(node), recogniser, bits, ends);
      known = new Local(IdSet.of(bits), Arrays.copyOf(ends.nodes, ends.count));
      bytes += known.ids.bytes() + 4L * known.ends.length;
      locals.put(node, known);
    }
    return known;
  }

  /** Collects the inner nodes of the trie at which the rule may have ended. */
  private static final class Ends implements Vocabulary.Visitor {
    private int[] nodes = new int[16];
    private int count;

    @Override
    public void at(int node, State state, boolean inner) {
      if (inner && state.complete) {
        if (count == nodes.length) {
          nodes = Arrays.copyOf(nodes, 2 * count);
        }
        nodes[count++] = node;
      }
    }
  }
}
