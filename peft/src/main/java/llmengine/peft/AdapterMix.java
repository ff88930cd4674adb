package llmengine.peft;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import llmengine.engine.FormatException;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;
import llmengine.engine.op.LoraLinear;
import llmengine.nn.Decoder;
import llmengine.nn.Linear;
import llmengine.nn.TokenEmbedding;
import llmengine.nn.generate.RowAdapters;

/**
 * Several adapters beside each other on one model, of which each row of a batch runs with its own
 * or none. A layer multiplies all rows with the frozen weight at once and adds the low-rank updates
 * run by run; what is no update (DoRA, OFT) computes its run by itself. A row's results are those
 * of its adapter alone, to the bit. Adapters come and go while the model runs.
 */
public final class AdapterMix implements RowAdapters, AutoCloseable {
  private final Decoder model;
  private volatile Map<Integer, BesideAdapter> loaded = Map.of(); // by number; never changed
  private int last;
  private boolean attached;
  // of the thread that runs the model: the adapters of the next rows, null for none, and where each
  // run ends
  private BesideAdapter[] runs = {null};
  private int[] ends = {0};

  public AdapterMix(Decoder model) {
    this.model = model;
  }

  /**
   * Loads an adapter in PEFT's layout; returns the number by which rows select it. Other threads
   * may run the model meanwhile.
   *
   * @throws FormatException if it is not of this model, or cannot be beside others
   * @throws IllegalStateException if the model has an adapter of its own
   */
  public synchronized int load(Path directory) {
    if (!attached && hasAdapter()) {
      throw new IllegalStateException(
          "adapter: the model has one already, which is not merged: expected none beside those"
              + " loaded later. Open the model without it and load it like the others.");
    }
    BesideAdapter adapter = BesideAdapter.open(model, directory);
    Map<Integer, BesideAdapter> more = new HashMap<>(loaded);
    more.put(++last, adapter);
    loaded = more;
    if (!attached) {
      attached = true;
      linears().forEach(l -> l.adapter(this::forward));
      model.embedding().adapter(this::forward);
    }
    return last;
  }

  /** Gives an adapter's memory back; no row may run with it any more. */
  public synchronized void unload(int number) {
    Map<Integer, BesideAdapter> fewer = new HashMap<>(loaded);
    BesideAdapter adapter = fewer.remove(number);
    if (adapter == null) {
      throw new IllegalArgumentException(
          "adapter: expected one of " + loaded.keySet() + ", got " + number + ".");
    }
    loaded = fewer;
    adapter.close();
  }

  private List<Linear> linears() {
    List<Linear> all = new ArrayList<>(model.linears().values());
    all.add(model.output());
    return all;
  }

  private boolean hasAdapter() {
    return model.embedding().adapter().isPresent()
        || linears().stream().anyMatch(l -> l.adapter().isPresent());
  }

  @Override
  public void select(int[] adapters, int[] counts) {
    Map<Integer, BesideAdapter> now = loaded;
    List<BesideAdapter> next = new ArrayList<>();
    int[] until = new int[adapters.length];
    int end = 0;
    for (int i = 0; i < adapters.length; i++) {
      end += counts[i];
      if (i == 0 || adapters[i] != adapters[i - 1]) {
        if (adapters[i] != 0 && !now.containsKey(adapters[i])) {
          throw new IllegalArgumentException(
              "adapter: expected 0 or one of " + now.keySet() + ", got " + adapters[i] + ".");
        }
        next.add(now.get(adapters[i]));
      }
      until[next.size() - 1] = end;
    }
    runs = next.toArray(new BesideAdapter[0]);
    ends = until;
  }

  private Tensor forward(Tape tape, Tensor x, Linear layer) {
    if (runs.length == 1) {
      AdapterLayer only = of(0, layer);
      return only == null ? layer.plain(tape, x) : only.forward(tape, x, layer);
    }
    Tensor y = layer.plain(tape, x); // (M, N)
    for (int r = 0, from = 0; r < runs.length; from = ends[r++]) {
      AdapterLayer own = of(r, layer);
      if (own == null) {
        continue;
      }
      Tensor in = x.rows(from, ends[r]);
      Tensor out = y.rows(from, ends[r]);
      switch (own) {
        case LoraLayer l -> LoraLinear.add(tape, in, l.a().value(), l.b().value(), l.scale(), out);
        case DoraLayer d -> tape.backend().copy(d.forward(tape, in, layer), out);
        case OftLayer o -> tape.backend().copy(o.forward(tape, in, layer), out);
      }
    }
    return y;
  }

  private AdapterLayer of(int run, Linear layer) {
    return runs[run] == null ? null : runs[run].layer(layer.name());
  }

  private Tensor forward(Tape tape, Tensor ids, TokenEmbedding layer) {
    Tensor y = layer.plain(tape, ids); // (M, C)
    int count = ids.cols();
    for (int r = 0, from = 0; r < runs.length; from = ends[r++]) {
      if (runs[r] != null && runs[r].embedding().isPresent()) {
        Tensor in = ids.reshape(count, 1).rows(from, ends[r]).reshape(ends[r] - from);
        Tensor own = runs[r].embedding().get().forward(tape, in, layer);
        tape.backend().copy(own, y.rows(from, ends[r]));
      }
    }
    return y;
  }

  /** Takes all adapters off the model and gives their memory back. */
  @Override
  public synchronized void close() {
    if (attached) {
      attached = false;
      linears().forEach(l -> l.adapter(null));
      model.embedding().adapter(null);
    }
    loaded.values().forEach(BesideAdapter::close);
    loaded = Map.of();
  }
}
