package llmengine.train.metric;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import llmengine.data.batch.MicroBatch;
import llmengine.engine.Backend;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.engine.cpu.VectorBackend;
import org.junit.jupiter.api.Test;

class TokenAccuracyTest {

  /** Rows of 3, 4, 2 and 3 tokens, of which the second has no label. */
  private static MicroBatch batch() {
    int[] labelled = {0, 1, 7, 9, 10};
    int[] targets = {2, 1, 0, 2, 2};
    int[] none = new int[12];
    return new MicroBatch(
        none, none, new int[] {12}, labelled, targets, new int[] {3, 4, 2, 3}, List.of(), none);
  }

  @Test
  void sharesAreAveragedOverRowsWithLabels() {
    try (Backend backend = new VectorBackend();
        Scope scope = new Scope(backend, "test")) {
      float[] logits = {
        0, 1, 3, // right
        0, 0, 1, // wrong
        2, 2, 1, // the first of equal ones: right
        9, 1, 8, // wrong
        -3, -2, -1 // right
      };
      Tensor all = scope.of(logits, 5, 3);
      TokenAccuracy whole = new TokenAccuracy(batch());
      whole.see(all, 0);
      assertThat(TokenAccuracy.of(whole.sums(), "eval_"))
          .isEqualTo(Map.of("eval_accuracy", (0.5 + 1 + 0.5) / 3));
      TokenAccuracy pieces = new TokenAccuracy(batch());
      pieces.see(all.rows(0, 2), 0);
      pieces.see(all.rows(2, 5), 2);
      assertThat(pieces.sums()).isEqualTo(whole.sums());
    }
  }

  @Test
  void thereIsNoMetricWithoutCounts() {
    assertThat(TokenAccuracy.of(Map.of("other", 1.0), "eval_")).isEmpty();
  }
}
