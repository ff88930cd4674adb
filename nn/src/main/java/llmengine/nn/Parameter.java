package llmengine.nn;

import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;

/** A named weight under its Hugging Face name. Frozen until {@link #trainable(boolean)}. */
public final class Parameter {
  private final String name;
  private Tensor value;

  public Parameter(String name, Tensor value) {
    this.name = name;
    this.value = value;
  }

  public String name() {
    return name;
  }

  public Tensor value() {
    return value;
  }

  public boolean isTrainable() {
    return value.needsGrad();
  }

  /**
   * Trained parameters are float32: call {@link #toFloat32} first if the checkpoint stores 16 bits.
   */
  public void trainable(boolean trainable) {
    if (trainable && value.dtype() != DType.F32) {
      throw new IllegalStateException(
          name + ": a trained parameter must be F32: expected F32, got " + value.dtype() + ".");
    }
    value.needsGrad(trainable);
  }

  /**
   * Makes the value float32 and writable: a copy in {@code scope} replaces 16 bits and mapped
   * memory.
   */
  public void toFloat32(Scope scope) {
    if (value.dtype() == DType.F32 && value.scope().owns(value)) {
      return;
    }
    Tensor copy = scope.empty(DType.F32, value.shape().dims());
    scope.backend().copy(value, copy);
    value = copy.needsGrad(value.needsGrad());
  }

  /** Puts another tensor in place; same shape unless the vocabulary was resized. */
  public void value(Tensor tensor) {
    value = tensor;
  }

  public long size() {
    return value.size();
  }

  @Override
  public String toString() {
    return name + " " + value;
  }
}
