package llmengine.peft;

import java.util.List;
import java.util.Set;
import llmengine.engine.DType;
import llmengine.engine.FormatException;
import llmengine.engine.Scope;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;
import llmengine.engine.op.DoraLinear;
import llmengine.nn.Linear;
import llmengine.nn.Parameter;

/**
 * DoRA (Liu et al. 2024, "Weight-decomposed low-rank adaptation"): with V = W + s B A, the row n of
 * V gets the length m[n]: y = m / |V| (W x + s B A x) + b. |V| is a constant to the derivative
 * (section 4.3 there).
 */
final class DoraLayer implements AdapterLayer {
  private static final Set<String> PTQ = Set.of("gptq", "awq", "aqlm", "eetq");

  private final LoraLayer lora;
  private final Parameter magnitude;
  private final Scope scope;
  private Tensor squares; // squared lengths of W's rows (N)
  private Tensor squaresOf; // the W they are of
  private Tensor fixed; // lengths of V's rows (N), once nothing changes any more

  /**
   * @param lora A, B and s; its dropout is that of the adapter's input
   * @param magnitude m (N)
   * @param scope lives as long as the layer
   */
  DoraLayer(LoraLayer lora, Parameter magnitude, Scope scope) {
    this.lora = lora;
    this.magnitude = magnitude;
    this.scope = scope;
  }

  /**
   * @throws FormatException if PEFT could not put such an adapter on a layer stored like this
   */
  static void check(Linear linear) {
    Tensor weight = linear.weight().value();
    if (weight.dtype() == DType.PACKED && PTQ.contains(weight.packing().name())) {
      throw new FormatException(
          linear.name()
              + ": use_dora on weights quantized by "
              + weight.packing().name()
              + ": expected float or bitsandbytes weights, because PEFT knows no DoRA on the others"
              + " and could not load the adapter. Remove use_dora.");
    }
  }

  /** Lets m be the lengths that the rows of V have now: the adapter changes nothing by it. */
  void start(Tensor weight) {
    try (Scope scratch = new Scope(scope.backend(), "adapter")) {
      scope.backend().copy(norms(scratch, weight), magnitude.value());
    }
  }

  /**
   * Computes the lengths of V's rows now instead of each time: for an adapter that is only used.
   */
  void fix(Tensor weight) {
    fixed = norms(scope, weight);
  }

  private Tensor norms(Scope into, Tensor weight) {
    if (squaresOf != weight) { // at first, and if the weight was stored in another dtype since
      if (squares == null) {
        squares = scope.empty(DType.F32, weight.rows());
      }
      DoraLinear.rowSquares(weight, squares);
      squaresOf = weight;
    }
    return DoraLinear.norms(
        into, weight, squares, lora.a().value(), lora.b().value(), lora.scale());
  }

  @Override
  public Tensor forward(Tape tape, Tensor x, Linear layer) {
    tape.enter(layer.name().substring(layer.name().lastIndexOf('.') + 1));
    Tensor weight = layer.weight().value();
    Tensor y =
        DoraLinear.apply(
            tape,
            x,
            weight,
            layer.biasOrNull(),
            lora.a().value(),
            lora.b().value(),
            magnitude.value(),
            fixed == null ? norms(tape.scope(), weight) : fixed,
            lora.scale(),
            lora.dropout());
    tape.exit();
    return y;
  }

  @Override
  public List<Parameter> parameters() {
    return List.of(lora.a(), lora.b(), magnitude);
  }

  @Override
  public Tensor merged(Scope into, Tensor weight) {
    return AdapterLayer.changed(
        into,
        weight,
        v -> {
          lora.addTo(v);
          try (Scope scratch = new Scope(into.backend(), "merge")) {
            Tensor norms = scratch.empty(DType.F32, v.rows());
            DoraLinear.rowSquares(v, norms);
            float[] lengths = norms.toFloats();
            float[] wanted = magnitude.value().toFloats();
            for (int n = 0; n < lengths.length; n++) {
              if (lengths[n] > 0) {
                float gain = (float) (wanted[n] / Math.sqrt(lengths[n]));
                Tensor row = v.rows(n, n + 1);
                into.backend().scale(row, gain, row, false);
              }
            }
          }
        });
  }

  @Override
  public int floatsPerToken() {
    return lora.floatsPerToken() + magnitude.value().cols();
  }
}
