package llmengine.train.export;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import llmengine.engine.Backend;
import llmengine.engine.Scope;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;
import llmengine.nn.Batch;
import llmengine.nn.Decoder;

/**
 * The calibration texts on their way through a model, one half of a block at a time: memory holds
 * what the next half reads, (tokens, C) in float32, and nothing else of the model's activations.
 */
final class CalibrationPass implements AutoCloseable {
  private static final int PIECE_TOKENS = 2048;

  /** What is done with the hidden states of some texts. */
  @FunctionalInterface
  interface Step {
    /**
     * @param x (M, C)
     * @return (M, C) to go on with, or null to leave x as it is
     */
    Tensor run(Tape tape, Tensor x, Batch batch);
  }

  private record Piece(int[] ids, int[] lengths, Tensor hidden) {}

  private final Scope scope;
  private final List<Piece> pieces = new ArrayList<>();

  /**
   * @param windows ids of each text
   */
  CalibrationPass(Decoder model, List<int[]> windows) {
    this.scope = new Scope(model.backend(), "calibration texts");
    for (int from = 0; from < windows.size(); ) {
      int tokens = windows.get(from).length;
      int to = from + 1;
      while (to < windows.size() && tokens + windows.get(to).length <= PIECE_TOKENS) {
        tokens += windows.get(to++).length;
      }
      add(model, windows.subList(from, to));
      from = to;
    }
  }

  private void add(Decoder model, List<int[]> windows) {
    int[] ids = windows.stream().flatMapToInt(Arrays::stream).toArray();
    int[] lengths = windows.stream().mapToInt(w -> w.length).toArray();
    try (Scope inner = new Scope(backend(), scope.owner())) {
      Tensor x = model.embed(Tape.inference(inner), Batch.of(inner, ids, lengths));
      pieces.add(new Piece(ids, lengths, inner.moveTo(scope, x)));
    }
  }

  Backend backend() {
    return scope.backend();
  }

  /** Runs a step over all texts. */
  void run(Step step) {
    for (Piece piece : pieces) {
      try (Scope inner = new Scope(backend(), "calibration")) {
        Batch batch = Batch.of(inner, piece.ids(), piece.lengths());
        Tensor next = step.run(Tape.inference(inner), piece.hidden(), batch);
        if (next != null) {
          backend().copy(next, piece.hidden());
        }
      }
    }
  }

  @Override
  public void close() {
    scope.close();
  }
}
