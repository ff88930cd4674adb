package llmengine.quant.encode;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** The searches side by side give what plain loops give, bit for bit. */
class SearchTest {
  private static final int BLOCKS = 200;

  /** Blocks of many sizes with zero, constant, tiny and heavy tailed stretches. */
  private static float[] block(int seed) {
    Random random = new Random(seed);
    float[] x = new float[256];
    for (int start = 0; start < 256; start += 16) {
      float scale = (float) Math.exp(4 * random.nextGaussian());
      int kind = random.nextInt(8);
      float offset = kind == 3 ? scale * 5 : kind == 4 ? -scale * 5 : 0;
      for (int i = start; i < start + 16; i++) {
        float v = (float) random.nextGaussian();
        x[i] =
            switch (kind) {
              case 0 -> 0;
              case 1 -> scale;
              case 2 -> 1e-16f * v;
              case 5 -> scale * v * v * v;
              default -> scale * v + offset;
            };
      }
    }
    return x;
  }

  @Test
  void scaleAndMinimumEqualsThePlainSearch() {
    compare(8, 32, 15, -1, 0.1f, 20, false);
    compare(8, 32, 31, -0.5f, 0.1f, 15, false);
    compare(16, 16, 3, -0.5f, 0.1f, 15, true);
  }

  private static void compare(
      int parts, int n, int top, float first, float step, int trials, boolean absolute) {
    var search = new ScaleAndMinimum(top, first, step, trials, absolute);
    var plain = new PlainSearch(top, first, step, trials, absolute);
    Work work = new Work();
    for (int b = 0; b < BLOCKS; b++) {
      float[] x = block(b);
      float[] weights = new float[n];
      Parts.across(x, 0, parts, n, work.across);
      for (int i = 0; i < 256; i++) {
        work.weights[i] = 0.5f + Math.abs(work.across[i]);
      }
      search.search(parts, n, work);
      for (int p = 0; p < parts; p++) {
        for (int i = 0; i < n; i++) {
          weights[i] = 0.5f + Math.abs(x[n * p + i]);
        }
        PlainSearch.Found found = plain.scaleAndMinimum(n, x, n * p, weights);
        assertThat(work.scales[p]).isEqualTo(found.scale());
        assertThat(work.mins[p] == found.negatedMinimum()).isTrue();
        int[] codes = new int[n];
        Parts.searched(x, n * p, n, work, p, 0, top, codes, 0);
        assertThat(codes).isEqualTo(found.codes());
      }
    }
  }

  @Test
  void trialsOfScalesEqualThePlainSearch() {
    Work work = new Work();
    for (int b = 0; b < BLOCKS; b++) {
      float[] x = block(b);
      Parts.across(x, 0, 16, 16, work.across);
      LeastSquaresScale.ofTrials(32, work);
      for (int p = 0; p < 16; p++) {
        PlainSearch.Found found = PlainSearch.ofTrials(16, 32, x, 16 * p);
        assertThat(work.scales[p]).isEqualTo(found.scale());
        int[] codes = new int[16];
        Parts.searched(x, 16 * p, 16, work, p, -32, 31, codes, 0);
        assertThat(codes).isEqualTo(found.codes());
      }
    }
  }

  @Test
  void movesOfCodesEqualThePlainSearch() {
    Work work = new Work();
    for (int b = 0; b < BLOCKS; b++) {
      float[] x = block(b);
      Parts.across(x, 0, 16, 16, work.across);
      LeastSquaresScale.ofMoves(4, work);
      for (int p = 0; p < 16; p++) {
        PlainSearch.Found found = PlainSearch.ofMoves(16, 4, x, 16 * p);
        assertThat(work.scales[p]).isEqualTo(found.scale());
        assertThat(Arrays.copyOfRange(work.codes, 16 * p, 16 * p + 16)).isEqualTo(found.codes());
      }
    }
  }
}
