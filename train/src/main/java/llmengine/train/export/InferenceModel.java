package llmengine.train.export;

import java.nio.file.Path;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import llmengine.engine.Backend;
import llmengine.engine.DType;
import llmengine.engine.Tensor;
import llmengine.nn.Decoder;
import llmengine.nn.Parameter;
import llmengine.peft.Adapters;
import llmengine.train.config.ModelArguments.WeightType;
import llmengine.train.config.RunConfig;
import llmengine.train.model.ModelSession;

/**
 * A model as chat uses it: the checkpoint's weights, all adapters merged, one dtype. On the weights
 * of a quantizer a single adapter stays beside them.
 */
public final class InferenceModel {
  private InferenceModel() {}

  /**
   * Reads the weights, merges the adapters in their order and converts to infer_dtype. The caller
   * closes the model.
   */
  public static Decoder load(RunConfig config, ModelSession session, Backend backend) {
    Decoder model = session.load(backend);
    try {
      List<Path> adapters = config.adapterPaths();
      if (isQuantized(model) && !adapters.isEmpty()) {
        Adapters.mergeAll(model, adapters.subList(0, adapters.size() - 1));
        Adapters last = Adapters.open(model, adapters.getLast(), false);
        model.beforeClose(last::close);
      } else if (!adapters.isEmpty()) {
        Adapters.mergeAll(model, adapters);
      }
      WeightType type = config.model().inferDtype();
      if (type != WeightType.AUTO) {
        convert(model, dtype(type));
      }
      return model;
    } catch (RuntimeException e) {
      model.close();
      throw e;
    }
  }

  private static boolean isQuantized(Decoder model) {
    return model.linears().values().stream()
        .map(l -> l.weight().value())
        .anyMatch(w -> w.dtype() == DType.PACKED && !w.packing().isReplaceable());
  }

  /** The dtype that a named weight type stands for. */
  static DType dtype(WeightType type) {
    return switch (type) {
      case FLOAT16 -> DType.F16;
      case BFLOAT16 -> DType.BF16;
      case FLOAT32, AUTO -> DType.F32;
    };
  }

  /**
   * Stores every matrix in {@code dtype}, one after the other. Vectors are small and stay float32;
   * packed matrices stay as they are, which is smaller than any dtype.
   */
  private static void convert(Decoder model, DType dtype) {
    Map<Tensor, Tensor> converted = new IdentityHashMap<>(); // an untied layer may share its values
    for (Parameter p : model.parameters().values()) {
      Tensor old = p.value();
      if (old.shape().rank() != 2 || old.dtype() == dtype || old.dtype() == DType.PACKED) {
        continue;
      }
      Tensor known = converted.get(old);
      if (known == null) {
        known = model.scope().empty(dtype, old.shape().dims());
        model.backend().copy(old, known);
        converted.put(old, known);
        if (model.scope().owns(old)) {
          model.scope().release(old);
        }
      }
      p.value(known);
    }
  }
}
