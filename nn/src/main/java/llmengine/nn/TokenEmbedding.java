package llmengine.nn;

import java.util.Optional;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;

/** The token table (V, C); an adapter, if there is one, computes in its place. */
public final class TokenEmbedding {
  /** What fine-tuning puts around the table. */
  public interface Adapter {
    /** ids (M) to (M, C), the frozen table included; not yet scaled. */
    Tensor forward(Tape tape, Tensor ids, TokenEmbedding layer);
  }

  private final String name;
  private Parameter weight;
  private final float scale;
  private Adapter adapter;

  /**
   * @param scale factor of the looked-up rows: sqrt(C) in the Gemma family, else 1
   */
  public TokenEmbedding(String name, Parameter weight, float scale) {
    this.name = name;
    this.weight = weight;
    this.scale = scale;
  }

  public Tensor forward(Tape tape, Tensor ids) {
    if (adapter == null) {
      return llmengine.engine.op.Embedding.apply(tape, weight.value(), ids, scale);
    }
    Tensor rows = adapter.forward(tape, ids, this);
    return scale == 1 ? rows : llmengine.engine.op.Elementwise.scale(tape, rows, scale);
  }

  /** Rows of the table without adapter and scale. */
  public Tensor plain(Tape tape, Tensor ids) {
    return llmengine.engine.op.Embedding.apply(tape, weight.value(), ids, 1);
  }

  public String name() {
    return name;
  }

  public Parameter weight() {
    return weight;
  }

  public void weight(Parameter own) {
    this.weight = own;
  }

  public Optional<Adapter> adapter() {
    return Optional.ofNullable(adapter);
  }

  public void adapter(Adapter adapter) {
    this.adapter = adapter;
  }
}
