package llmengine.peft;

import llmengine.engine.Backend;
import llmengine.engine.cpu.VectorBackend;

/** The backend that these tests run on. */
final class TestBackends {
  private TestBackends() {}

  static Backend create() {
    return new VectorBackend();
  }
}
