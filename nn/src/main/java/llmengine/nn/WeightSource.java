package llmengine.nn;

import llmengine.engine.Scope;
import llmengine.engine.Tensor;

/** Where a model's weights come from, by Hugging Face name. */
public interface WeightSource {
  boolean has(String name);

  /**
   * The tensor in the dtype it is stored in, mapped in place where possible.
   *
   * @throws llmengine.engine.FormatException if it is missing or has another shape
   */
  Tensor load(Scope scope, String name, int... shape);
}
