package llmengine.train.export;

import llmengine.engine.Tensor;
import llmengine.nn.Decoder;
import llmengine.nn.Linear;
import llmengine.nn.Parameter;
import llmengine.nn.Sublayer;
import llmengine.quant.calibrate.GroupedCodes;

/** Quantizes the linear layers of half a block and takes the calibration texts through it. */
interface LayerQuantizer {
  void quantize(Decoder model, Sublayer half, CalibrationPass texts);

  /** Puts codes in a layer's place; the memory of its weight goes back if the model owns it. */
  static void replace(Decoder model, Linear layer, GroupedCodes codes) {
    replace(model, layer.weight(), model.scope().pack(codes));
  }

  /** Puts another tensor in a parameter's place. */
  static void replace(Decoder model, Parameter parameter, Tensor value) {
    Tensor old = parameter.value();
    parameter.value(value);
    if (model.scope().owns(old)) {
      model.scope().release(old);
    }
  }
}
