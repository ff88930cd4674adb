package llmengine.train.ppo;

import java.util.function.Supplier;
import llmengine.data.batch.Sequences;
import llmengine.engine.Scope;
import llmengine.engine.Tape;
import llmengine.nn.CausalLogProbs;
import llmengine.nn.Decoder;
import llmengine.peft.Adapters;

/** The policy as it was: the model without its adapter, or a frozen copy. */
public final class ReferencePolicy implements AutoCloseable {
  private final Supplier<Decoder> opener;
  private final Adapters adapters; // null for a model of its own
  private Decoder model;

  private ReferencePolicy(Supplier<Decoder> opener, Adapters adapters) {
    this.opener = opener;
    this.adapters = adapters;
  }

  /** The policy's own model without the adapter that is trained. */
  public static ReferencePolicy without(Adapters adapters, Decoder model) {
    return new ReferencePolicy(() -> model, adapters);
  }

  /** Another model, read when it is first needed and closed with this. */
  public static ReferencePolicy of(Supplier<Decoder> opener) {
    return new ReferencePolicy(opener, null);
  }

  /** Log-probabilities of the labelled tokens. */
  float[] logProbs(Sequences rows) {
    if (model == null) {
      model = opener.get();
    }
    boolean on = adapters != null && adapters.isEnabled();
    if (on) {
      adapters.enabled(false);
    }
    try (Scope scope = new Scope(model.backend(), "activations")) {
      Tape tape = Tape.inference(scope);
      return CausalLogProbs.apply(
              tape, model, Ppo.hidden(tape, model, rows), rows.labelled(), rows.targets(), null)
          .toFloats();
    } finally {
      if (on) {
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
