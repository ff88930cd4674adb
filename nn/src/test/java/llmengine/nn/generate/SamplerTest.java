package llmengine.nn.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Set;
import llmengine.engine.NonFiniteException;
import org.junit.jupiter.api.Test;

class SamplerTest {
  private static SamplingOptions.Builder plain() {
    return SamplingOptions.defaults().with().temperature(1).topK(0).topP(1);
  }

  @Test
  void defaultsAreThoseOfLlamaFactory() {
    SamplingOptions o = SamplingOptions.defaults();
    assertThat(o.doSample()).isTrue();
    assertThat(o.temperature()).isEqualTo(0.95);
    assertThat(o.topP()).isEqualTo(0.7);
    assertThat(o.topK()).isEqualTo(50);
    assertThat(o.maxNewTokens()).isEqualTo(1024);
    assertThat(o.repetitionPenalty()).isEqualTo(1);
    assertThat(o.with().build()).isEqualTo(o);
  }

  @Test
  void drawsFollowTheDistribution() {
    Sampler sampler = new Sampler(plain().build(), 5);
    TokenHistory history = sampler.history(new int[] {1});
    double[] probabilities = {0.5, 0.25, 0.125, 0.1, 0.025};
    int draws = 20_000;
    int[] counts = new int[5];
    for (int stream = 0; stream < draws; stream++) {
      float[] logits = new float[5];
      for (int i = 0; i < 5; i++) {
        logits[i] = (float) Math.log(probabilities[i]) + 3;
      }
      counts[sampler.next(logits, history, stream)]++;
    }
    for (int i = 0; i < 5; i++) {
      assertThat(counts[i] / (double) draws).isCloseTo(probabilities[i], within(0.015));
    }
  }

  @Test
  void equalLogitsGoToTheLowestId() {
    for (SamplingOptions o :
        List.of(
            SamplingOptions.greedy(1),
            plain().temperature(0).build(),
            plain().topP(1e-9).build())) {
      Sampler sampler = new Sampler(o, 4);
      assertThat(sampler.next(new float[] {1, 7, 7, 2}, sampler.history(new int[] {0}), 3))
          .isEqualTo(1);
    }
  }

  @Test
  void presenceAndFrequencyCountTheAnswerOnly() {
    Sampler sampler = new Sampler(plain().presencePenalty(1).frequencyPenalty(0.5).build(), 4);
    TokenHistory history = sampler.history(new int[] {0, 1});
    history.add(1);
    history.add(3);
    history.add(3);
    float[] logits = {4, 4, 4, 4};
    sampler.process(logits, history);
    assertThat(logits).containsExactly(4, 2.5f, 4, 2);
  }

  @Test
  void aNanIsAnErrorAndAnInfinityIsNot() {
    Sampler sampler = new Sampler(plain().build(), 3);
    TokenHistory history = sampler.history(new int[] {0});
    assertThatThrownBy(() -> sampler.next(new float[] {0, Float.NaN, 1}, history, 0))
        .isInstanceOf(NonFiniteException.class)
        .hasMessageContaining("id 1");
    assertThat(sampler.next(new float[] {0, Float.POSITIVE_INFINITY, 1}, history, 0)).isEqualTo(1);
    float[] none = {Float.NEGATIVE_INFINITY, Float.NEGATIVE_INFINITY, 0};
    assertThat(sampler.next(none, history, 0)).isEqualTo(2);
  }

  @Test
  void selectionKeepsTheLargestOfAnyOrder() {
    for (int n : new int[] {1, 2, 3, 7, 64, 257}) {
      for (int k = 1; k <= n; k += Math.max(1, n / 5)) {
        float[] logits = new float[n];
        for (int i = 0; i < n; i++) {
          logits[i] = (i * 37 % n) / 4f; // shuffled, with equals unless n is small
        }
        float[] sorted = logits.clone();
        java.util.Arrays.sort(sorted);
        new DistributionFilter(n).topK(logits, k);
        int kept = 0;
        for (float v : logits) {
          assertThat(v == Float.NEGATIVE_INFINITY || v >= sorted[n - k]).isTrue();
          kept += v > Float.NEGATIVE_INFINITY ? 1 : 0;
        }
        assertThat(kept).isGreaterThanOrEqualTo(k);
      }
    }
  }

  @Test
  void valuesOutOfRangeAreNamed() {
    assertThatThrownBy(() -> plain().temperature(-1).build())
        .hasMessageContaining("temperature: expected")
        .hasMessageContaining("-1");
    assertThatThrownBy(() -> plain().temperature(Double.NaN).build())
        .hasMessageContaining("temperature");
    assertThatThrownBy(() -> plain().topP(0).build()).hasMessageContaining("top_p");
    assertThatThrownBy(() -> plain().topK(-1).build()).hasMessageContaining("top_k");
    assertThatThrownBy(() -> plain().minP(2).build()).hasMessageContaining("min_p");
    assertThatThrownBy(() -> plain().repetitionPenalty(0).build())
        .hasMessageContaining("repetition_penalty");
    assertThatThrownBy(() -> plain().numReturnSequences(2).build())
        .hasMessageContaining("num_return_sequences");
    SamplingOptions far = plain().stopIds(Set.of(9)).build();
    assertThatThrownBy(() -> new Sampler(far, 5))
        .hasMessageContaining("stop id")
        .hasMessageContaining("9");
    SamplingOptions wide = plain().numBeams(4).build();
    assertThatThrownBy(() -> new Sampler(wide, 3)).hasMessageContaining("num_beams");
  }
}
