package llmengine.engine;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;

/**
 * Records operations of a forward pass and runs their derivatives backwards. Ops (package {@code
 * op}) allocate their outputs in the tape's {@link #scope} and record what is needed for the
 * backward pass; nothing is recorded if no input needs a gradient or the tape was made for
 * inference. A tape belongs to one thread.
 */
public final class Tape {
  /** The derivative of one op: adds to the gradients of its inputs (see {@link Tape#target}). */
  @FunctionalInterface
  public interface Backward {
    void run(Tensor gradient);
  }

  /**
   * Where a gradient contribution goes: add to {@code tensor} if {@code accumulate}, else overwrite
   * it.
   */
  public record Target(Tensor tensor, boolean accumulate) {}

  /**
   * An op.
   *
   * @param watched leaves among its inputs whose complete gradient somebody waits for
   */
  private record Node(String where, Tensor out, Backward backward, List<Tensor> watched) {}

  private static final ScopedValue<OpListener> LISTENER = ScopedValue.newInstance();

  private final Scope scope;
  private final boolean recording;
  private final boolean training;
  private final OpListener listener = LISTENER.isBound() ? LISTENER.get() : null;
  private final List<Node> nodes = new ArrayList<>();
  private final Deque<String> path = new ArrayDeque<>();
  private final Map<Tensor, Integer> uses = new IdentityHashMap<>(); // of watched leaves, by nodes
  private Tape outer; // that this one runs a block of
  private boolean again; // computes on the way back what was computed before
  private long kept; // bytes of blocks' intermediate results
  private boolean differentiable; // some op had an input that needs a gradient
  private boolean checking;
  private boolean rowArithmetic;
  private long dropoutKey;
  private Tensor rowKeys;

  private Tape(Scope scope, boolean recording, boolean training) {
    this.scope = scope;
    this.recording = recording;
    this.training = training;
  }

  /** A tape that records, for training. */
  public static Tape training(Scope scope) {
    return new Tape(scope, true, true).begun();
  }

  /** A tape that records nothing, for inference and evaluation. */
  public static Tape inference(Scope scope) {
    return new Tape(scope, false, false).begun();
  }

  /** Runs {@code work} with {@code listener} told of the ops of every pass of this thread. */
  public static void listen(OpListener listener, Runnable work) {
    ScopedValue.where(LISTENER, listener).run(work);
  }

  private Tape begun() {
    if (listener != null) {
      listener.passBegins();
    }
    return this;
  }

  public Scope scope() {
    return scope;
  }

  public Backend backend() {
    return scope.backend();
  }

  /** False on a tape for inference: an op whose output is not recorded need not keep anything. */
  public boolean isRecording() {
    return recording;
  }

  /**
   * Whether the pass is one of training, recorded here or computed again by {@link #checkpoint}.
   */
  public boolean isTraining() {
    return training;
  }

  /**
   * Makes dropout active: masks are a function of {@code key} (seed and step), the op's place in
   * the model, rowKeys (M) I32 (sample and token of each row) and the channel.
   */
  public Tape withDropout(long key, Tensor rowKeys) {
    this.dropoutKey = key;
    this.rowKeys = rowKeys;
    return this;
  }

  /**
   * Looks at every value from here on and throws {@link NonFiniteException} at the first NaN or
   * infinity.
   */
  public Tape withChecks() {
    this.checking = true;
    return this;
  }

  /**
   * Linear layers use the arithmetic of generated tokens: a row's result doesn't depend on the
   * others in the batch.
   */
  public Tape withRows() {
    this.rowArithmetic = true;
    return this;
  }

  public boolean usesRows() {
    return rowArithmetic;
  }

  /** Keys of the rows for dropout; null when dropout is off. */
  public Tensor rowKeys() {
    return rowKeys;
  }

  /** The dropout key of the op at the current place. */
  public long dropoutKey() {
    return dropoutKey * 0x9E3779B97F4A7C15L + where("").hashCode();
  }

  /** Names the part of the model that follows, for messages; undone by {@link #exit}. */
  public void enter(String name) {
    path.addLast(name);
  }

  public void exit() {
    path.removeLast();
  }

  /**
   * Records {@code out = op(inputs)}. Marks the output as needing a gradient if an input does.
   *
   * @param inputs everything a gradient can flow to; null entries are skipped
   */
  public Tensor record(String op, Tensor out, Backward backward, Tensor... inputs) {
    if (checking) {
      check(where(op), out);
    }
    if (listener != null) {
      listener.forward(where(op), again);
    }
    boolean needs = false;
    for (Tensor input : inputs) {
      needs |= input != null && input.needsGrad();
    }
    differentiable |= needs;
    out.needsGrad(needs);
    if (needs) {
      List<Tensor> watched = watched(inputs);
      if (recording) {
        nodes.add(new Node(where(op), out, backward, watched));
      }
    }
    return out;
  }

  /** Counts a use of each input that is watched. */
  private List<Tensor> watched(Tensor... inputs) {
    List<Tensor> watched = List.of();
    for (Tensor input : inputs) {
      Tensor whole = input;
      while (whole != null && whole.base() != null) {
        whole = whole.base();
      }
      if (whole != null && whole.needsGrad() && whole.whenComplete() != null) {
        watched = watched.isEmpty() ? new ArrayList<>() : watched;
        watched.add(whole);
        uses.merge(whole, 1, Integer::sum);
      }
    }
    return watched;
  }

  /** One use less to come: tells who waits for a leaf's gradient if it was the last. */
  private void used(Tensor leaf) {
    if (!uses.containsKey(leaf)) {
      return; // told within the block already
    }
    if (!isLastUse(leaf)) {
      uses.merge(leaf, -1, Integer::sum);
      return;
    }
    for (Tape tape = this; tape != null; tape = tape.outer) {
      tape.uses.remove(leaf);
    }
    if (leaf.grad() != null) {
      leaf.whenComplete().accept(leaf);
    }
  }

  private boolean isLastUse(Tensor leaf) {
    return uses.get(leaf) == 1 && (outer == null || outer.isLastUse(leaf));
  }

  /**
   * Where to put a contribution to the gradient of {@code x}: the gradient is made at the first
   * call, in the scope that owns x, and added to later. Call only if {@code x.needsGrad()}.
   */
  public Target target(Tensor x) {
    Tensor whole = x.base();
    if (whole != null) {
      Target of = target(whole);
      if (!of.accumulate()) {
        backend().fill(of.tensor(), 0);
      }
      return new Target(x.sameSliceOf(of.tensor()), true);
    }
    if (x.grad() == null) {
      x.grad(x.scope().empty(DType.F32, x.shape().dims()));
      return new Target(x.grad(), false);
    }
    return new Target(x.grad(), true);
  }

  /** The gradient of x for a backward kernel that takes a nullable target. */
  public Target targetOrNull(Tensor x) {
    return x != null && x.needsGrad() ? target(x) : new Target(null, false);
  }

  /**
   * Runs all recorded derivatives in reverse, starting from outputs whose gradient was set, and
   * forgets them. Gradients of intermediate results are given back as soon as they were used; those
   * of parameters remain.
   */
  public void backward() {
    if (outer == null) {
      begun();
    }
    for (int i = nodes.size() - 1; i >= 0; i--) {
      Node node = nodes.get(i);
      Tensor gradient = node.out.grad();
      if (gradient != null) {
        back(node, gradient);
      }
      for (int w = 0; w < node.watched.size(); w++) {
        used(node.watched.get(w));
      }
    }
    nodes.clear();
    uses.clear();
  }

  private void back(Node node, Tensor gradient) {
    if (checking) {
      check(node.where + " (gradient)", gradient);
    }
    node.backward.run(gradient);
    if (listener != null) {
      listener.backward(node.where);
    }
    node.out.grad(null);
    if (gradient.base() == null && node.out.scope().owns(gradient)) {
      node.out.scope().release(gradient);
    }
  }

  /**
   * Runs {@code block} without keeping its intermediate results; the backward pass computes them
   * again (Chen et al. 2016, "Training deep nets with sublinear memory cost"). Only the block's
   * input and output stay in memory.
   *
   * @param keep bytes of intermediate results that this tape's blocks may keep all the same, as
   *     long as they last: what is kept need not be computed again; a block that has none is kept
   */
  public Tensor checkpoint(
      String name, Tensor input, long keep, BiFunction<Tape, Tensor, Tensor> block) {
    if (!recording) {
      return block.apply(this, input);
    }
    Scope inner = scope.inner();
    Tape tape = child(inner);
    Tensor result = block.apply(tape, input);
    Tensor out = inner.moveTo(scope, result);
    out.needsGrad(tape.differentiable);
    differentiable |= tape.differentiable;
    if (!tape.differentiable) {
      inner.close();
      return out;
    }
    List<Tensor> watched = watched(tape.uses.keySet().toArray(Tensor[]::new));
    long bytes = inner.bytes();
    if (kept + bytes <= keep) {
      kept += bytes;
      nodes.add(
          new Node(
              where(name),
              out,
              gradient -> {
                result.grad(gradient);
                tape.backward();
                kept -= bytes;
                inner.close();
              },
              watched));
    } else {
      inner.close();
      nodes.add(new Node(where(name), out, again(List.copyOf(path), input, block), watched));
    }
    return out;
  }

  /** The derivative of a block whose intermediate results were not kept. */
  private Backward again(List<String> place, Tensor input, BiFunction<Tape, Tensor, Tensor> block) {
    return gradient -> {
      try (Scope inner = scope.inner()) {
        Tape tape = child(inner);
        tape.again = true;
        tape.path.clear();
        tape.path.addAll(place);
        block.apply(tape, input).grad(gradient);
        tape.backward();
      }
    };
  }

  private Tape child(Scope inner) {
    Tape tape = new Tape(inner, true, training);
    tape.outer = this;
    tape.path.addAll(path);
    tape.checking = checking;
    tape.again = again;
    tape.dropoutKey = dropoutKey;
    tape.rowKeys = rowKeys;
    return tape;
  }

  private String where(String op) {
    return path.isEmpty() ? op : String.join(".", path) + "." + op;
  }

  private void check(String where, Tensor t) {
    int row = t.dtype() == DType.F32 ? backend().firstNonFiniteRow(t) : -1;
    if (row >= 0) {
      throw new NonFiniteException(
          where + ": expected finite values, got NaN or infinity in row " + row + " of " + t + ".");
    }
  }
}
