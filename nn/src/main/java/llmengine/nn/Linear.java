package llmengine.nn;

import java.util.Optional;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;

/** y = x W^T + b with W (N, K); an adapter, if there is one, computes in its place. */
public final class Linear {
  /** What fine-tuning puts around a linear layer. */
  public interface Adapter {
    /** x (M, K) to (M, N), the frozen layer included. */
    Tensor forward(Tape tape, Tensor x, Linear layer);
  }

  private final String name;
  private Parameter weight;
  private final Parameter bias;
  private Adapter adapter;

  /**
   * @param name module name, e.g. {@code model.layers.0.self_attn.q_proj}
   * @param bias null for none
   */
  public Linear(String name, Parameter weight, Parameter bias) {
    this.name = name;
    this.weight = weight;
    this.bias = bias;
  }

  public Tensor forward(Tape tape, Tensor x) {
    return adapter == null ? plain(tape, x) : adapter.forward(tape, x, this);
  }

  /** The layer without its adapter. */
  public Tensor plain(Tape tape, Tensor x) {
    return llmengine.engine.op.Linear.apply(tape, x, weight.value(), biasOrNull());
  }

  public String name() {
    return name;
  }

  public Parameter weight() {
    return weight;
  }

  /** Gives the layer a weight of its own, e.g. when a tied output layer is trained separately. */
  public void weight(Parameter own) {
    this.weight = own;
  }

  public Optional<Parameter> bias() {
    return Optional.ofNullable(bias);
  }

  /** The bias tensor for ops that take a nullable one. */
  public Tensor biasOrNull() {
    return bias == null ? null : bias.value();
  }

  public Optional<Adapter> adapter() {
    return Optional.ofNullable(adapter);
  }

  /**
   * @param adapter null to remove
   */
  public void adapter(Adapter adapter) {
    this.adapter = adapter;
  }

  public int inFeatures() {
    return weight.value().cols();
  }

  public int outFeatures() {
    return weight.value().rows();
  }
}
