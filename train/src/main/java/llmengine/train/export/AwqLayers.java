package llmengine.train.export;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.nn.Decoder;
import llmengine.nn.Linear;
import llmengine.nn.Parameter;
import llmengine.nn.RmsNorm;
import llmengine.nn.Sublayer;
import llmengine.quant.calibrate.Awq;
import llmengine.quant.calibrate.CodeGrid;
import llmengine.quant.calibrate.GroupedCodes;
import llmengine.quant.calibrate.InputStatistics;

/**
 * AWQ on half a block: scales of the first projections go into the norm before them, those of the
 * last one into the projection that computes its inputs, where each of its channels is one row of
 * it. The texts go on through the block as it was before.
 */
record AwqLayers(CodeGrid grid, int groupSize) implements LayerQuantizer {
  @Override
  public void quantize(Decoder model, Sublayer half, CalibrationPass texts) {
    try (Scope scope = new Scope(model.backend(), "calibration")) {
      InputStatistics first = new InputStatistics(scope, half.inputs().getFirst().inFeatures());
      InputStatistics last = new InputStatistics(scope, half.output().inFeatures());
      texts.run(
          (tape, x, batch) -> {
            Tensor normed = half.normed(tape, x);
            first.add(normed);
            Tensor inner = half.inner(tape, normed, batch);
            last.add(inner);
            return half.finish(tape, x, inner);
          });
      Awq forInputs = new Awq(first, grid, groupSize);
      Awq forOutput = new Awq(last, grid, groupSize);
      float[] scales =
          forInputs.scales(half.inputs().stream().map(l -> l.weight().value()).toList());
      Optional<float[]> inner =
          half.passesFactors()
              ? Optional.of(forOutput.scales(List.of(half.output().weight().value())))
              : Optional.empty();
      fold(model, half, scales, inner);
      for (Linear layer : half.inputs()) {
        quantize(model, layer, forInputs, scales);
      }
      float[] ones = new float[half.output().inFeatures()];
      Arrays.fill(ones, 1);
      quantize(model, half.output(), forOutput, inner.orElse(ones));
    }
  }

  private static void quantize(Decoder model, Linear layer, Awq awq, float[] scales) {
    // queries and keys meet in a product that clipping harms more than their own error tells
    boolean clip = !layer.name().matches(".*\\.(q|k|qkv)_proj");
    GroupedCodes codes = awq.quantize(model.scope(), layer.weight().value(), scales, clip);
    LayerQuantizer.replace(model, layer, codes);
  }

  /**
   * Scales the columns of the first projections and divides the norm before them; scales the
   * columns of the last and divides the rows before it. The half computes what it did. All its
   * projections are float32 afterwards.
   */
  static void fold(Decoder model, Sublayer half, float[] scales, Optional<float[]> inner) {
    divide(model, half.before(), scales);
    try (Scope scope = new Scope(model.backend(), "calibration")) {
      for (Linear layer : half.inputs()) {
        multiplyColumns(model, layer, scope.of(scales, scales.length));
      }
      if (inner.isEmpty()) {
        float[] ones = new float[half.output().inFeatures()];
        Arrays.fill(ones, 1);
        multiplyColumns(model, half.output(), scope.of(ones, ones.length));
        return;
      }
      float[] factors = inner.get();
      multiplyColumns(model, half.output(), scope.of(factors, factors.length));
      divideRows(model, half.inputs().getLast(), factors, scope);
    }
  }

  private static void divide(Decoder model, RmsNorm norm, float[] scales) {
    float[] weight = norm.weight().value().toFloats();
    for (int i = 0; i < weight.length; i++) {
      weight[i] = (weight[i] + norm.offset()) / scales[i] - norm.offset();
    }
    LayerQuantizer.replace(model, norm.weight(), model.scope().of(weight, weight.length));
  }

  private static void multiplyColumns(Decoder model, Linear layer, Tensor factors) {
    Parameter p = layer.weight();
    Tensor scaled = model.scope().empty(DType.F32, p.value().rows(), p.value().cols());
    model.backend().copy(p.value(), scaled);
    model.backend().scaleBy(scaled, null, factors, scaled, false);
    LayerQuantizer.replace(model, p, scaled);
  }

  /** Divides the last rows, one per factor, of a layer that is float32 already. */
  private static void divideRows(Decoder model, Linear layer, float[] factors, Scope scope) {
    float[] reciprocals = new float[factors.length];
    for (int i = 0; i < factors.length; i++) {
      reciprocals[i] = 1 / factors[i];
    }
    int n = layer.outFeatures();
    int from = n - factors.length;
    Tensor rows = layer.weight().value().rows(from, n);
    Tensor by = scope.of(reciprocals, reciprocals.length);
    model.backend().scaleBy(rows, by, null, rows, false);
    if (layer.bias().isPresent()) {
      float[] bias = layer.bias().get().value().toFloats();
      for (int i = 0; i < factors.length; i++) {
        bias[from + i] *= reciprocals[i];
      }
      LayerQuantizer.replace(model, layer.bias().get(), model.scope().of(bias, n));
    }
  }
}
