package llmengine.serve.schedule;

import java.util.ArrayDeque;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;

/**
 * Queue with a turn for each client: clients take turns, and the requests of one come in their
 * order. O(1) a request. Not safe for concurrent use.
 */
final class FairQueue<T> {
  private final Map<String, ArrayDeque<T>> byClient = new LinkedHashMap<>(); // next client first
  private int size;

  void add(String client, T item) {
    byClient.computeIfAbsent(client, c -> new ArrayDeque<>()).add(item);
    size++;
  }

  /** Whose turn it is; stays in the queue. */
  Optional<T> peek() {
    return size == 0
        ? Optional.empty()
        : Optional.of(byClient.values().iterator().next().getFirst());
  }

  /** Takes the item whose turn it is; its client's next turn comes after all others. */
  T remove() {
    Map.Entry<String, ArrayDeque<T>> turn = byClient.entrySet().iterator().next();
    String client = turn.getKey();
    ArrayDeque<T> items = turn.getValue();
    T item = items.remove();
    size--;
    byClient.remove(client);
    if (!items.isEmpty()) {
      byClient.put(client, items);
    }
    return item;
  }

  /** Removes what {@code gone} holds for, wherever it is. */
  void removeIf(Predicate<T> gone) {
    for (Iterator<ArrayDeque<T>> i = byClient.values().iterator(); i.hasNext(); ) {
      ArrayDeque<T> items = i.next();
      int before = items.size();
      items.removeIf(gone);
      size -= before - items.size();
      if (items.isEmpty()) {
        i.remove();
      }
    }
  }

  int size() {
    return size;
  }
}
