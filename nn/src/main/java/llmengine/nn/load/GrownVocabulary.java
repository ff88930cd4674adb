package llmengine.nn.load;

import llmengine.engine.BlockMatrix;
import llmengine.engine.DType;
import llmengine.engine.FormatException;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.nn.WeightSource;

/** Weights whose token table and output projection have rows for new tokens. */
public final class GrownVocabulary implements WeightSource {
  /** What new rows are made of. */
  public interface NewRows {
    /**
     * Fills the rows of new tokens.
     *
     * @param name of the weight
     * @param known (V, C), the rows there are
     * @param added (n, C) float32
     */
    void fill(String name, Tensor known, Tensor added);
  }

  private final WeightSource source;
  private final int before;
  private final NewRows rows;

  /**
   * @param before tokens that the source's matrices have
   */
  public GrownVocabulary(WeightSource source, int before, NewRows rows) {
    this.source = source;
    this.before = before;
    this.rows = rows;
  }

  @Override
  public boolean has(String name) {
    return source.has(name);
  }

  @Override
  public Tensor load(Scope scope, String name, int... shape) {
    boolean grows = name.equals("model.embed_tokens.weight") || name.equals("lm_head.weight");
    if (!grows) {
      return source.load(scope, name, shape);
    }
    int width = shape[1];
    try (Scope scratch = new Scope(scope.backend(), "new tokens")) {
      Tensor known = source.load(scratch, name, before, width);
      if (known.dtype() == DType.PACKED && !(known.packing() instanceof BlockMatrix)) {
        throw new FormatException(
            name
                + ": resize_vocab on a quantized model: expected rows of floats, got "
                + known.packing().name()
                + ". Grow the model that was not quantized.");
      }
      Tensor all = scope.empty(known.dtype().writable(), shape);
      scope.backend().copy(known, all.rows(0, before));
      Tensor added = scratch.empty(DType.F32, shape[0] - before, width);
      rows.fill(name, known, added);
      scope.backend().copy(added, all.rows(before, shape[0]));
      return all;
    }
  }
}
