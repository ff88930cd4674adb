package llmengine.train.export;

import llmengine.engine.Scope;
import llmengine.nn.Decoder;
import llmengine.nn.Linear;
import llmengine.nn.Sublayer;
import llmengine.quant.calibrate.CodeGrid;
import llmengine.quant.calibrate.Gptq;
import llmengine.quant.calibrate.InputStatistics;

/**
 * GPTQ on half a block, truly sequential: the last projection is calibrated on what the quantized
 * first ones give it, and the next half on what this one gives when all of it is quantized.
 */
record GptqLayers(CodeGrid grid, Gptq.Settings settings) implements LayerQuantizer {
  @Override
  public void quantize(Decoder model, Sublayer half, CalibrationPass texts) {
    try (Scope scope = new Scope(model.backend(), "calibration")) {
      InputStatistics inputs = new InputStatistics(scope, half.inputs().getFirst().inFeatures());
      texts.run(
          (tape, x, batch) -> {
            inputs.add(half.normed(tape, x));
            return null;
          });
      Gptq gptq = Gptq.of(scope, inputs, grid, settings);
      for (Linear layer : half.inputs()) {
        quantize(model, layer, gptq);
      }
    }
    try (Scope scope = new Scope(model.backend(), "calibration")) {
      InputStatistics inputs = new InputStatistics(scope, half.output().inFeatures());
      texts.run(
          (tape, x, batch) -> {
            inputs.add(half.inner(tape, half.normed(tape, x), batch));
            return null;
          });
      quantize(model, half.output(), Gptq.of(scope, inputs, grid, settings));
    }
    texts.run(
        (tape, x, batch) -> half.finish(tape, x, half.inner(tape, half.normed(tape, x), batch)));
  }

  private static void quantize(Decoder model, Linear layer, Gptq gptq) {
    LayerQuantizer.replace(
        model, layer, gptq.quantize(model.scope(), layer.weight().value()).codes());
  }
}
