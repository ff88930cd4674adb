package llmengine.serve.schedule;

import java.util.Optional;
import llmengine.nn.ValueHead;

/** The base model or one of its adapters, as requests name it. */
final class ModelEntry {
  final String name;
  final int adapter; // 0 for the base model
  final Optional<ValueHead> head;
  int users; // requests that wait or run; guarded by the scheduler
  private long root; // of its blocks in the cache; 0 before the first request

  ModelEntry(String name, int adapter, Optional<ValueHead> head) {
    this.name = name;
    this.adapter = adapter;
    this.head = head;
  }

  /** The root of its blocks, which no model or adapter before it had. */
  long root(llmengine.nn.generate.KvCache cache) {
    if (root == 0) {
      root = cache.newRoot();
    }
    return root;
  }
}
