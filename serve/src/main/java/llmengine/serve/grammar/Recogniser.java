package llmengine.serve.grammar;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Runs a {@link Program} on bytes. It keeps every way of understanding the text at once and
 * remembers where each state goes on each byte, so that a byte costs a look-up once a state is
 * known. Memory is bounded: what is remembered is forgotten when it grows too large. Not safe for
 * concurrent use.
 */
final class Recogniser {
  /** Ways of understanding a text that are followed at once. */
  static final int MOST_HEADS = 4096;

  private static final int MOST_STATES = 8192;
  private static final long MOST_FRAMES = 1 << 17;
  static final State DEAD = new State(new int[0], new Frame[0], false);

  private record Head(int node, Frame frame) {}

  private final Program program;
  private final int horizon;
  private Frame bottom;
  private Frame.Frames frames;
  private final Map<State, State> states = new HashMap<>();
  private long generation;

  private final List<Head> open = new ArrayList<>();
  private final Set<Head> seen = new HashSet<>();
  private final List<Head> found = new ArrayList<>();
  private boolean complete;

  /** {@code horizon}: bytes of the longest token. */
  Recogniser(Program program, int horizon) {
    this.program = program;
    this.horizon = horizon;
    forget();
  }

  /** Drops all that is remembered; states in use must go through {@link #adopt} afterwards. */
  void forget() {
    states.clear();
    bottom = Frame.bottom();
    frames = new Frame.Frames(horizon);
    generation++;
  }

  /** Whether it is time to forget. */
  boolean isFull() {
    return states.size() >= MOST_STATES || frames.count() > MOST_FRAMES;
  }

  State start() {
    open.add(new Head(program.start, bottom));
    return closure();
  }

  /** Rough number of bytes that are held. */
  long bytes() {
    return 600L * states.size() + 120L * frames.count();
  }

  /** This state among those remembered now. */
  State adopt(State state) {
    if (state.generation == generation || state.isDead()) {
      return state;
    }
    Map<Frame, Frame> known = new HashMap<>();
    Frame[] moved = new Frame[state.frames.length];
    for (int i = 0; i < moved.length; i++) {
      moved[i] = adopt(state.frames[i], known);
    }
    return sorted(state.nodes, moved, state.complete);
  }

  private Frame adopt(Frame frame, Map<Frame, Frame> known) {
    List<Frame> path = new ArrayList<>();
    Frame at = frame;
    while (at.parent != null && !known.containsKey(at)) {
      path.add(at);
      at = at.parent;
    }
    Frame moved = at.parent == null ? bottom : known.get(at);
    for (int i = path.size() - 1; i >= 0; i--) {
      Frame f = path.get(i);
      moved = f.loop ? moved.pushLoop(frames, f.node, f.lo, f.hi) : moved.push(frames, f.node);
      known.put(f, moved);
    }
    return moved;
  }

  /** The state after a byte; dead if it may not come. */
  State next(State state, int value) {
    if (state.firstByte == value) {
      return state.first;
    }
    if (state.next != null && state.next[value] != null) {
      return state.next[value];
    }
    for (int i = 0; i < state.nodes.length; i++) {
      int node = state.nodes[i];
      if (program.kind[node] == Program.RANGE
          && program.a[node] <= value
          && value <= program.b[node]) {
        open.add(new Head(program.next[node], state.frames[i]));
      }
    }
    State after = open.isEmpty() ? DEAD : closure();
    // With few heads a byte that may not come is found out as fast as it is looked up.
    if (state.remembered && (!after.isDead() || state.nodes.length > 16)) {
      remember(state, value, after);
    }
    return after;
  }

  private static void remember(State state, int value, State after) {
    if (state.firstByte < 0) {
      state.firstByte = value;
      state.first = after;
    } else {
      if (state.next == null) {
        state.next = new State[256];
      }
      state.next[value] = after;
    }
  }

  /** The state after the special token with this index in the program; dead if it may not come. */
  State nextSpecial(State state, int special) {
    for (int i = 0; i < state.nodes.length; i++) {
      int node = state.nodes[i];
      if (program.kind[node] == Program.SPECIAL && program.a[node] == special) {
        open.add(new Head(program.next[node], state.frames[i]));
      }
    }
    return open.isEmpty() ? DEAD : closure();
  }

  State next(State state, byte[] bytes) {
    State at = state;
    for (int i = 0; i < bytes.length && !at.isDead(); i++) {
      at = next(at, bytes[i] & 0xFF);
    }
    return at;
  }

  /** The state of one node alone, at the bottom of the stack: complete where its rule has ended. */
  State alone(int node) {
    open.add(new Head(node, bottom));
    return closure();
  }

  /** The state after the end of the rule whose return this frame is. */
  State popped(Frame frame) {
    if (frame.popped == null) {
      leave(frame);
      frame.popped = closure();
    }
    return frame.popped;
  }

  /** The state with numbers cut that cannot matter within one token: it allows the same tokens. */
  State clamped(State state) {
    if (state.clamped == null) {
      boolean same = true;
      Frame[] cut = new Frame[state.frames.length];
      for (int i = 0; i < cut.length; i++) {
        cut[i] = state.frames[i].clamped();
        same &= cut[i] == state.frames[i];
      }
      state.clamped = same ? state : sorted(state.nodes, cut, state.complete);
    }
    return state.clamped;
  }

  private State closure() {
    while (!open.isEmpty()) {
      Head head = open.removeLast();
      if (!seen.add(head)) {
        continue;
      }
      int node = head.node;
      Frame frame = head.frame;
      switch (program.kind[node]) {
        case Program.RANGE, Program.SPECIAL -> {
          found.add(head);
          if (found.size() > MOST_HEADS) {
            throw tooAmbiguous();
          }
        }
        case Program.SPLIT -> {
          for (int target : program.targets[node]) {
            open.add(new Head(target, frame));
          }
        }
        case Program.CALL -> {
          // A call at the end of a rule returns to where the rule returns: lists do not grow
          // stacks.
          int then = program.next[node];
          boolean last = program.kind[then] == Program.END;
          open.add(new Head(program.a[node], last ? frame : frame.push(frames, then)));
        }
        case Program.LOOP -> enter(frame, node, program.a[node], program.b[node]);
        case Program.END -> leave(frame);
        default -> throw new AssertionError(program.kind[node]);
      }
    }
    int[] nodes = found.stream().mapToInt(Head::node).toArray();
    Frame[] stacks = found.stream().map(Head::frame).toArray(Frame[]::new);
    State state = sorted(nodes, stacks, complete);
    seen.clear();
    found.clear();
    complete = false;
    return state;
  }

  /** The end of a rule or of a round. */
  private void leave(Frame frame) {
    if (frame.parent == null) {
      complete = true;
    } else if (frame.loop) {
      enter(frame.parent, frame.node, frame.lo, frame.hi);
    } else {
      open.add(new Head(frame.node, frame.parent));
    }
  }

  private void enter(Frame parent, int node, int least, int most) {
    if (least == 0) {
      open.add(new Head(program.next[node], parent));
    }
    if (most != 0) {
      Frame round = parent.pushLoop(frames, node, Math.max(least - 1, 0), most < 0 ? -1 : most - 1);
      open.add(new Head(program.targets[node][0], round));
    }
  }

  private GrammarException tooAmbiguous() {
    open.clear();
    seen.clear();
    found.clear();
    complete = false;
    return GrammarException.of(
        program.where,
        "too ambiguous",
        "at most " + MOST_HEADS + " ways to understand a text",
        "more",
        "Write alternatives that differ in their first characters.");
  }

  /** The one state with these heads, in an order that does not depend on how they were found. */
  private State sorted(int[] nodes, Frame[] stacks, boolean isComplete) {
    Integer[] order = new Integer[nodes.length];
    Arrays.setAll(order, i -> i);
    Arrays.sort(
        order,
        (i, j) ->
            nodes[i] != nodes[j]
                ? Integer.compare(nodes[i], nodes[j])
                : Long.compare(stacks[i].id, stacks[j].id));
    int[] sortedNodes = new int[nodes.length];
    Frame[] sortedStacks = new Frame[nodes.length];
    int size = 0;
    for (int i : order) {
      boolean twice =
          size > 0 && sortedNodes[size - 1] == nodes[i] && sortedStacks[size - 1] == stacks[i];
      if (!twice) {
        sortedNodes[size] = nodes[i];
        sortedStacks[size++] = stacks[i];
      }
    }
    State state =
        new State(Arrays.copyOf(sortedNodes, size), Arrays.copyOf(sortedStacks, size), isComplete);
    if (state.isDead()) {
      return DEAD;
    }
    State known = states.get(state);
    if (known != null) {
      return known;
    }
    state.generation = generation;
    if (states.size() < MOST_STATES) {
      state.remembered = true;
      states.put(state, state);
    }
    return state;
  }
}
