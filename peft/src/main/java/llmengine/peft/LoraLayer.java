package llmengine.peft;

import java.util.List;
import llmengine.engine.Scope;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;
import llmengine.engine.op.LoraLinear;
import llmengine.nn.Linear;
import llmengine.nn.Parameter;

/**
 * Plain LoRA: y = W x + b + s B (A x), with A (R, K) and B (N, R) in float32.
 *
 * @param scale s
 * @param dropout of the adapter's input
 */
record LoraLayer(Parameter a, Parameter b, float scale, float dropout) implements AdapterLayer {
  @Override
  public Tensor forward(Tape tape, Tensor x, Linear layer) {
    // layers side by side in a block must not share a dropout mask: their place has their name
    tape.enter(layer.name().substring(layer.name().lastIndexOf('.') + 1));
    Tensor y =
        LoraLinear.apply(
            tape,
            x,
            layer.weight().value(),
            layer.biasOrNull(),
            a.value(),
            b.value(),
            scale,
            dropout);
    tape.exit();
    return y;
  }

  @Override
  public List<Parameter> parameters() {
    return List.of(a, b);
  }

  @Override
  public Tensor merged(Scope scope, Tensor weight) {
    return AdapterLayer.changed(scope, weight, this::addTo);
  }

  /** w (N, K) += s B A. */
  void addTo(Tensor w) {
    w.backend().matmulNN(b.value(), a.value(), scale, w, true); // (N,R)(R,K)
  }

  @Override
  public int floatsPerToken() {
    return a.value().rows();
  }
}
