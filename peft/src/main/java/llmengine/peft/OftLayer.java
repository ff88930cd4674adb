package llmengine.peft;

import java.util.List;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;
import llmengine.engine.op.BlockRotation;
import llmengine.nn.Linear;
import llmengine.nn.Parameter;

/**
 * OFT: y = W (x R) + b, where R turns each block of inputs by itself.
 *
 * @param skew (number of blocks, D (D - 1) / 2), the upper triangles of skew matrices (D, D)
 * @param block D
 * @param terms of the Neumann series; 0 for the exact inverse
 * @param dropout share of the blocks left out of a training step
 */
record OftLayer(Parameter skew, int block, int terms, float dropout) implements AdapterLayer {
  @Override
  public Tensor forward(Tape tape, Tensor x, Linear layer) {
    tape.enter(layer.name().substring(layer.name().lastIndexOf('.') + 1));
    Tensor turned = BlockRotation.apply(tape, x, skew.value(), block, terms, dropout);
    Tensor y = layer.plain(tape, turned);
    tape.exit();
    return y;
  }

  @Override
  public List<Parameter> parameters() {
    return List.of(skew);
  }

  @Override
  public Tensor merged(Scope scope, Tensor weight) {
    return AdapterLayer.changed(
        scope,
        weight,
        w -> {
          try (Scope scratch = new Scope(scope.backend(), "merge")) {
            // x R W^T = x (W R^T)^T, and R^T turns back
            Tensor turned = scratch.empty(DType.F32, w.rows(), w.cols());
            BlockRotation.backwards(w, skew.value(), block, terms, turned);
            scope.backend().copy(turned, w);
          }
        });
  }

  @Override
  public int floatsPerToken() {
    return skew.value().rows() * block;
  }
}
