package llmengine.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SplittableRandom;
import llmengine.engine.AttentionShape;
import llmengine.engine.Backend;
import llmengine.engine.Scope;
import llmengine.engine.Segments;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;
import llmengine.engine.cpu.ScalarBackend;
import llmengine.engine.cpu.VectorBackend;
import llmengine.engine.op.Attention;
import llmengine.nn.load.Pretrained;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ShiftedAttentionTest {
  @TempDir private Path dir;

  private Decoder model(Backend backend, JsonNode golden) throws IOException {
    Files.writeString(dir.resolve("config.json"), golden.path("config").toString());
    try (Pretrained files = Pretrained.open(dir)) {
      Decoder model = files.fromScratch(backend, 1);
      for (Parameter p : model.parameters().values()) {
        int sum = 0;
        for (byte b : p.name().getBytes(StandardCharsets.US_ASCII)) {
          sum += b;
        }
        float[] values = new float[(int) p.size()];
        for (int i = 0; i < values.length; i++) {
          values[i] = (float) (0.3 * Math.sin(0.37 * i + sum));
          values[i] += p.name().contains("norm") ? 1 : 0;
        }
        p.value().set(values);
      }
      return model;
    }
  }

  private static JsonNode golden() throws IOException {
    return new ObjectMapper()
        .readTree(ShiftedAttentionTest.class.getResourceAsStream("shift_attn.json"));
  }

  private static int[] ids() {
    int[] ids = new int[32];
    for (int i = 0; i < 32; i++) {
      ids[i] = (7 * (i % 16) * (i % 16) + 3 * (i % 16) + 5 * (i / 16)) % 24;
    }
    return ids;
  }

  private static final int[] ROWS = {16, 16};

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void wrappedItIsLlamaFactorysAttention(boolean checkpointing) throws IOException {
    JsonNode golden = golden();
    try (Backend backend = new VectorBackend();
        Decoder model = model(backend, golden);
        Scope scope = new Scope(backend, "test")) {
      model.checkpointing(checkpointing);
      model.parameters().values().forEach(p -> p.trainable(true));
      int[] ids = ids();
      int[] labelled = new int[30];
      int[] targets = new int[30];
      for (int i = 0; i < 30; i++) {
        labelled[i] = i / 15 * 16 + i % 15;
        targets[i] = ids[labelled[i] + 1];
      }
      Tape tape = Tape.training(scope);
      Batch batch = Batch.of(scope, ids, ROWS).within(ShiftedGroups.quarters(ROWS, ROWS), true);
      Tensor hidden = model.hidden(tape, batch);
      float[] logits = model.logits(Tape.inference(scope), hidden).toFloats();
      for (int t = 0; t < 16; t++) {
        for (int c = 0; c < 6; c++) {
          assertThat(logits[t * 24 + c])
              .isCloseTo((float) golden.path("logits").get(t).get(c).asDouble(), within(2e-5f));
        }
      }
      Tensor losses = CausalLoss.apply(tape, model, hidden, labelled, targets, 1 / 30f);
      assertThat(backend.sum(losses) / 30).isCloseTo(golden.path("loss").asDouble(), within(1e-5));
      assertThat(golden.path("full_attention_loss").asDouble())
          .isNotCloseTo(golden.path("loss").asDouble(), within(1e-3));
      tape.backward();
      for (Parameter p : model.parameters().values()) {
        double expected = golden.path("gradient_norms").path(p.name()).asDouble(Double.NaN);
        assertThat(Math.sqrt(backend.sumOfSquares(p.value().grad())))
            .as(p.name())
            .isCloseTo(expected, within(1e-5 + 1e-4 * expected));
      }
    }
  }

  @Test
  void onlyWrappedATokenSeesWhatComesLater() throws IOException {
    try (Backend backend = new VectorBackend();
        Decoder model = model(backend, golden())) {
      int[] ids = ids();
      int[] other = ids();
      other[15] = (other[15] + 1) % 24;
      for (boolean wraps : new boolean[] {false, true}) {
        float[] one = hidden(model, ids, wraps);
        float[] two = hidden(model, other, wraps);
        boolean earlier = !Arrays.equals(one, 0, 15 * 24, two, 0, 15 * 24);
        assertThat(earlier).isEqualTo(wraps);
        assertThat(Arrays.equals(one, 16 * 24, 32 * 24, two, 16 * 24, 32 * 24))
            .as("other rows")
            .isTrue();
      }
    }
  }

  private static float[] hidden(Decoder model, int[] ids, boolean wraps) {
    try (Scope scope = new Scope(model.backend(), "test")) {
      return model
          .hidden(
              Tape.inference(scope),
              Batch.of(scope, ids, ROWS).within(ShiftedGroups.quarters(ROWS, ROWS), wraps))
          .toFloats();
    }
  }

  @Test
  void cutsLieHalfAGroupApartAndSequencesStayApart() {
    ShiftedGroups groups = new ShiftedGroups(new int[] {16, 7}, new int[] {5, 11, 7}, 4);
    assertThat(groups.plain().queryLength()).containsExactly(4, 1, 3, 4, 4, 4, 3);
    assertThat(groups.plain().queryStart()).containsExactly(0, 4, 5, 8, 12, 16, 20);
    Segments shifted = groups.shifted(true);
    assertThat(shifted.queryLength()).containsExactly(2, 3, 1, 4, 4, 2, 2, 4, 1);
    assertThat(shifted.prefixLength()).as("no row of one sequence is whole").containsOnly(0);

    Segments wrapped = new ShiftedGroups(new int[] {15}, new int[] {15}, 4).shifted(true);
    assertThat(wrapped.queryStart()).containsExactly(2, 6, 10, 14, 0);
    assertThat(wrapped.queryLength()).containsExactly(4, 4, 4, 1, 2);
    assertThat(wrapped.prefixStart()[4]).isEqualTo(14);
    assertThat(wrapped.prefixLength()).containsExactly(0, 0, 0, 0, 1);
  }

  @ParameterizedTest
  @CsvSource({"1, 8, 2", "8, 8, 2", "9, 3, 4", "100, 64, 26"})
  void aGroupIsAQuarterOfTheLongestRowPaddedToEight(int longest, int other, int expected) {
    int[] rows = {Math.min(longest, other), longest};
    assertThat(ShiftedGroups.quarters(rows, rows).size()).isEqualTo(expected);
  }

  @ParameterizedTest
  @CsvSource({"4, 2", "6, 3", "3, 1", "9, 3", "5, 5", "1, 1"})
  void everyHeadIsAttentionOfItsHalf(int heads, int kvHeads) {
    SplittableRandom random = new SplittableRandom(heads);
    AttentionShape shape = AttentionShape.causal(heads, kvHeads, 2);
    ShiftedGroups groups = new ShiftedGroups(new int[] {11}, new int[] {11}, 4);
    try (Backend backend = new VectorBackend();
        Scope scope = new Scope(backend, "test")) {
      Tensor q = normal(scope, random, 11, heads * 2);
      Tensor k = normal(scope, random, 11, kvHeads * 2);
      Tensor v = normal(scope, random, 11, kvHeads * 2);
      Tape tape = Tape.inference(scope);
      float[] found =
          HeadHalves.attention(tape, q, k, v, groups.plain(), groups.shifted(false), shape)
              .toFloats();
      float[] plain = Attention.apply(tape, q, k, v, groups.plain(), shape).toFloats();
      float[] shifted = Attention.apply(tape, q, k, v, groups.shifted(false), shape).toFloats();
      for (int i = 0; i < found.length; i++) {
        boolean first = i % (heads * 2) / 2 < heads / 2;
        assertThat(found[i]).isCloseTo(first ? plain[i] : shifted[i], within(1e-6f));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void gradientsEqualCentralDifferences(boolean wraps) {
    SplittableRandom random = new SplittableRandom(5);
    ShiftedGroups groups = new ShiftedGroups(new int[] {8, 3}, new int[] {8, 3}, 2);
    AttentionShape shape = AttentionShape.causal(3, 1, 2);
    try (Backend backend = new ScalarBackend();
        Scope scope = new Scope(backend, "test")) {
      Tensor[] in = {
        normal(scope, random, 11, 6).needsGrad(true),
        normal(scope, random, 11, 2).needsGrad(true),
        normal(scope, random, 11, 2).needsGrad(true)
      };
      float[] weights = normal(scope, random, 11, 6).toFloats();
      Tape tape = Tape.training(scope);
      Tensor y =
          HeadHalves.attention(
              tape, in[0], in[1], in[2], groups.plain(), groups.shifted(wraps), shape);
      y.grad(scope.of(weights, 11, 6));
      tape.backward();
      for (Tensor x : in) {
        float[] gradient = x.grad().toFloats();
        float[] values = x.toFloats();
        for (int i = 0; i < values.length; i++) {
          double[] sums = new double[2];
          for (int side = 0; side < 2; side++) {
            float[] moved = values.clone();
            moved[i] += side == 0 ? 0.01f : -0.01f;
            x.set(moved);
            float[] out =
                HeadHalves.attention(
                        Tape.inference(scope),
                        in[0],
                        in[1],
                        in[2],
                        groups.plain(),
                        groups.shifted(wraps),
                        shape)
                    .toFloats();
            for (int o = 0; o < out.length; o++) {
              sums[side] += (double) out[o] * weights[o];
            }
          }
          x.set(values);
          assertThat((double) gradient[i]).isCloseTo((sums[0] - sums[1]) / 0.02, within(2e-3));
        }
      }
    }
  }

  private static Tensor normal(Scope scope, SplittableRandom random, int rows, int cols) {
    float[] values = new float[rows * cols];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return scope.of(values, rows, cols);
  }
}
