package llmengine.peft;

import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.nn.Parameter;

/** Where the values of a new adapter come from, by the names in PEFT's files. */
interface AdapterWeights {
  /**
   * Whether they are the start of an adapter: then what follows from the model's weights (PiSSA's
   * and LoftQ's matrices, DoRA's magnitudes) is computed and not asked for.
   */
  boolean isStart();

  /** Fills a matrix of the adapter; {@code lora_embedding_A} is given as (V, R). */
  void fill(String name, Tensor to);

  /** Fills the adapter's own copy of a parameter, which holds the model's value so far. */
  void saved(Parameter parameter, Tensor to);

  /** Replaces the frozen weight below an adapted token table or output projection, if stored. */
  void base(String module, Parameter weight, Scope scope);
}
