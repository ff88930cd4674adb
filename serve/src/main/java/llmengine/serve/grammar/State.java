package llmengine.serve.grammar;

import java.util.Arrays;

/**
 * All ways in which the text so far can be understood: each head is a node that takes a byte or a
 * special token and the stack beneath. Equal states are the same object.
 */
final class State {
  final int[] nodes;
  final Frame[] frames;

  /** Whether the text so far is whole. */
  final boolean complete;

  private final int hash;

  /** Where the first byte that was tried leads, most often the only one: -1 for none yet. */
  int firstByte = -1;

  State first;

  /** By byte, null where not yet known; null altogether while one byte is known. */
  State[] next;

  /** Whether the recogniser remembers this state: then it may remember where it goes. */
  boolean remembered;

  /** Ids that may come next; null where not yet known. */
  IdSet allowed;

  /** This state in clamped stacks; null where not yet known. */
  State clamped;

  /** The recogniser's generation it is of. */
  long generation;

  State(int[] nodes, Frame[] frames, boolean complete) {
    this.nodes = nodes;
    this.frames = frames;
    this.complete = complete;
    int h = complete ? 1 : 0;
    for (int i = 0; i < nodes.length; i++) {
      h = 31 * h + nodes[i] * 0x9E3779B9 + Long.hashCode(frames[i].id * 0x9E3779B97F4A7C15L);
    }
    this.hash = h;
  }

  /** Whether no text can follow and the text so far is not whole: it cannot be understood. */
  boolean isDead() {
    return nodes.length == 0 && !complete;
  }

  @Override
  public boolean equals(Object other) {
    if (!(other instanceof State s)
        || complete != s.complete
        || !Arrays.equals(nodes, s.nodes)
        || frames.length != s.frames.length) {
      return false;
    }
    for (int i = 0; i < frames.length; i++) {
      if (frames[i] != s.frames[i]) {
        return false;
      }
    }
    return true;
  }

  @Override
  public int hashCode() {
    return hash;
  }
}
