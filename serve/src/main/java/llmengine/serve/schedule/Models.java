package llmengine.serve.schedule;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import llmengine.engine.FormatException;
import llmengine.nn.Decoder;
import llmengine.nn.ValueHead;
import llmengine.nn.generate.RowAdapters;
import llmengine.peft.AdapterMix;

/**
 * The base model and the adapters beside it by name, and how many requests each has. Safe for
 * concurrent use.
 */
final class Models implements AutoCloseable {
  private final Decoder model;
  private final AdapterMix mix;
  private final Map<String, ModelEntry> served = new LinkedHashMap<>(); // the base model first
  private final List<ModelEntry> unloading = new ArrayList<>();
  private boolean closed;

  Models(Decoder model, String name, Optional<ValueHead> head) {
    this.model = model;
    this.mix = new AdapterMix(model);
    served.put(name, new ModelEntry(name, 0, head));
  }

  RowAdapters rows() {
    return mix;
  }

  synchronized List<String> names() {
    return List.copyOf(served.keySet());
  }

  /**
   * What a request names; {@link #unused} has to follow.
   *
   * @throws IllegalArgumentException if nothing has that name
   */
  synchronized ModelEntry use(String name) {
    ModelEntry found = served.get(name);
    if (found == null) {
      throw new IllegalArgumentException(
          "serve: model: expected one of " + served.keySet() + ", got " + name + ".");
    }
    found.users++;
    return found;
  }

  /** A request is over. */
  synchronized void unused(ModelEntry entry) {
    entry.users--;
    notifyAll();
  }

  /**
   * Adds an adapter.
   *
   * @throws IllegalArgumentException if the name is taken
   * @throws FormatException if the adapter is not of this model, or cannot be beside others
   */
  void load(String name, Path directory) {
    requireFree(name);
    int number = mix.load(directory);
    boolean whole = false;
    Optional<ValueHead> head = Optional.empty();
    try {
      if (ValueHead.isIn(directory)) {
        int width = model.spec().width();
        head = Optional.of(ValueHead.open(model.backend(), directory, width, 0));
      }
      synchronized (this) {
        requireFree(name);
        served.put(name, new ModelEntry(name, number, head));
      }
      whole = true;
    } finally {
      if (!whole) {
        head.ifPresent(ValueHead::close);
        mix.unload(number);
      }
    }
  }

  private synchronized void requireFree(String name) {
    if (closed) {
      throw new IllegalStateException("serve: shutting down: no adapters are loaded any more.");
    }
    if (served.containsKey(name)) {
      throw new IllegalArgumentException(
          "serve: adapter: expected a name other than " + served.keySet() + ", got " + name + ".");
    }
  }

  /** Takes an adapter away and waits for its requests. */
  synchronized void unload(String name) throws InterruptedException {
    ModelEntry gone = served.get(name);
    if (gone == null || gone.adapter == 0) {
      throw new IllegalArgumentException(
          "serve: adapter: expected one of "
              + served.keySet().stream().skip(1).toList()
              + ", got "
              + name
              + ".");
    }
    served.remove(name);
    unloading.add(gone);
    while (gone.users > 0 && !closed) {
      wait();
    }
    if (unloading.remove(gone)) {
      giveBack(gone);
    }
  }

  private void giveBack(ModelEntry entry) {
    entry.head.ifPresent(ValueHead::close);
    mix.unload(entry.adapter);
  }

  /** Gives all adapters back; no request runs any more. */
  @Override
  public synchronized void close() {
    closed = true;
    served.values().stream().filter(m -> m.adapter != 0).forEach(unloading::add);
    unloading.forEach(this::giveBack);
    unloading.clear();
    served.values().removeIf(m -> m.adapter != 0);
    mix.close();
    notifyAll();
  }
}
