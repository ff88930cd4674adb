package llmengine.serve.grammar;

import java.util.HashMap;
import java.util.Map;

/**
 * The top of a stack of places to return to; equal stacks are the same object. A frame of a loop
 * also has the rounds that must ({@code lo}) and may ({@code hi}, -1 for any number) follow the one
 * that runs.
 */
final class Frame {
  record Key(int node, int lo, int hi) {}

  final long id;
  final Frame parent;
  final int node;
  final boolean loop;
  final int lo;
  final int hi;

  /** The stack in which numbers too large to matter within one token are cut. */
  final Frame clamped;

  /** What follows the end of the rule on top; made when first needed. */
  State popped;

  private Map<Key, Frame> children;

  private Frame(
      long id, Frame parent, int node, boolean loop, int lo, int hi, Frame clampedParent) {
    this.id = id;
    this.parent = parent;
    this.node = node;
    this.loop = loop;
    this.lo = lo;
    this.hi = hi;
    this.clamped = clampedParent;
  }

  static Frame bottom() {
    return new Frame(0, null, -1, false, 0, 0, null);
  }

  /** The stack with one frame more. */
  Frame push(Frames frames, int returnNode) {
    return child(frames, returnNode, false, 0, 0);
  }

  Frame pushLoop(Frames frames, int loopNode, int lo, int hi) {
    return child(frames, loopNode, true, lo, hi);
  }

  private Frame child(Frames frames, int returnNode, boolean isLoop, int least, int most) {
    if (children == null) {
      children = new HashMap<>(4);
    }
    Key key = new Key(isLoop ? ~returnNode : returnNode, least, most);
    Frame known = children.get(key);
    if (known == null) {
      int cutLeast = Math.min(least, frames.horizon() + 1);
      int cutMost = most > frames.horizon() ? -1 : most;
      boolean same = isClamped() && cutLeast == least && cutMost == most;
      Frame cut = same ? null : clamped().child(frames, returnNode, isLoop, cutLeast, cutMost);
      known = new Frame(frames.nextId(), this, returnNode, isLoop, least, most, cut);
      children.put(key, known);
    }
    return known;
  }

  boolean isClamped() {
    return clamped == null;
  }

  Frame clamped() {
    return clamped == null ? this : clamped;
  }

  /** Numbers the frames of one recogniser and knows how many bytes a token has at most. */
  static final class Frames {
    private final int horizon;
    private long ids;

    Frames(int horizon) {
      this.horizon = horizon;
    }

    int horizon() {
      return horizon;
    }

    long nextId() {
      return ++ids;
    }

    long count() {
      return ids;
    }
  }
}
