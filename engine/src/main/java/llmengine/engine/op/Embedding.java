package llmengine.engine.op;

import llmengine.engine.DType;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;

/** Rows of a table by token id, times a constant (sqrt(C) in the Gemma family, else 1). */
public final class Embedding {
  private Embedding() {}

  /**
   * @param table (V, C) any float dtype
   * @param ids (M) I32, each below V (checked by the model, which knows the batch)
   * @return (M, C)
   */
  public static Tensor apply(Tape tape, Tensor table, Tensor ids, float scale) {
    Shapes.matrix("embedding", "table", table);
    Shapes.ids("embedding", "ids", ids, ids.cols());
    Tensor out = tape.scope().empty(DType.F32, ids.cols(), table.cols());
    tape.backend().embedding(table, ids, scale, out);
    return tape.record(
        "embedding",
        out,
        dy -> {
          Tape.Target d = tape.target(table);
          if (!d.accumulate()) {
            tape.backend().fill(d.tensor(), 0);
          }
          tape.backend().embeddingBackward(dy, ids, scale, d.tensor());
        },
        table);
  }
}
