package llmengine.train.stage;

import java.util.function.Supplier;
import llmengine.data.batch.MicroBatch;
import llmengine.data.batch.Sequences;
import llmengine.data.process.Example;
import llmengine.data.store.TokenizedDataset;
import llmengine.nn.Decoder;
import llmengine.peft.Adapters;

/** A reference that computes: a frozen model, or the trained one with its adapter switched off. */
public final class ReferenceModel implements Reference {
  private final Supplier<Decoder> opener;
  private final Adapters adapters; // null for a model of its own
  private Decoder model;

  private ReferenceModel(Supplier<Decoder> opener, Adapters adapters) {
    this.opener = opener;
    this.adapters = adapters;
  }

  /** The policy's own model without the adapter that is trained. */
  public static ReferenceModel without(Adapters adapters, Decoder model) {
    return new ReferenceModel(() -> model, adapters);
  }

  /** Another model, read when it is first needed and closed with this. */
  public static ReferenceModel of(Supplier<Decoder> opener) {
    return new ReferenceModel(opener, null);
  }

  @Override
  public double[] logProbs(TokenizedDataset set, MicroBatch rows) {
    if (model == null) {
      model = opener.get();
    }
    Sequences sequences = Sequences.of(rows.examples().stream().map(Example::parts).toList(), true);
    boolean switched = adapters != null && adapters.isEnabled();
    if (switched) {
      adapters.enabled(false);
    }
    try {
      return Passes.sums(model, sequences);
    } finally {
      if (switched) {
        adapters.enabled(true);
      }
    }
  }

  @Override
  public void close() {
    if (adapters == null && model != null) {
      model.close();
    }
  }
}
