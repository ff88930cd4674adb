package llmengine.train.stage;

import java.util.function.Function;
import java.util.function.Supplier;
import llmengine.data.batch.MicroBatch;
import llmengine.data.batch.Sequences;
import llmengine.data.process.Example;
import llmengine.data.store.TokenizedDataset;
import llmengine.engine.Tensor;
import llmengine.nn.Decoder;
import llmengine.peft.Adapters;

/** A reference that computes: a frozen model, or the trained one with its adapter switched off. */
public final class ReferenceModel implements Reference {
  private final Supplier<Decoder> opener;
  private final Supplier<Adapters> adapter; // null for a model of its own
  private Decoder model;

  private ReferenceModel(Supplier<Decoder> opener, Supplier<Adapters> adapter) {
    this.opener = opener;
    this.adapter = adapter;
  }

  /**
   * The policy's own model without the adapter that is trained.
   *
   * @param adapter the one attached now: loading a checkpoint attaches another
   */
  public static ReferenceModel without(Supplier<Adapters> adapter, Decoder model) {
    return new ReferenceModel(() -> model, adapter);
  }

  /** Another model, read when it is first needed and closed with this. */
  public static ReferenceModel of(Supplier<Decoder> opener) {
    return new ReferenceModel(opener, null);
  }

  @Override
  public double[] logProbs(TokenizedDataset set, MicroBatch rows) {
    Sequences sequences = Sequences.of(rows.examples().stream().map(Example::parts).toList(), true);
    return with(frozen -> Passes.sums(frozen, sequences));
  }

  /** The output projection's weight (V, C). */
  Tensor output() {
    return with(frozen -> frozen.output().weight().value());
  }

  /** What a use of the model gives; the adapter is off while it lasts. */
  <R> R with(Function<Decoder, R> use) {
    if (model == null) {
      model = opener.get();
    }
    Adapters adapters = adapter == null ? null : adapter.get();
    boolean switched = adapters != null && adapters.isEnabled();
    if (switched) {
      adapters.enabled(false);
    }
    try {
      return use.apply(model);
    } finally {
      if (switched) {
        adapters.enabled(true);
      }
    }
  }

  @Override
  public void close() {
    if (adapter == null && model != null) {
      model.close();
    }
  }
}
