package llmengine.train.stage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import llmengine.engine.Backend;
import llmengine.engine.Scope;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;
import llmengine.engine.cpu.VectorBackend;
import llmengine.engine.file.SafetensorsFile;
import llmengine.engine.op.TokenDivergence;
import llmengine.engine.op.TokenLogProbs;
import llmengine.train.checkpoint.JsonFiles;
import llmengine.train.config.Shared;
import org.junit.jupiter.api.Test;

/** DFT, EAFT and ASFT of given logits as LLaMA-Factory computes them. */
class WeightedLmTest {
  private static final int VOCAB = 40;

  @Test
  void lossesAndGradientsAreTheRecordedOnes() {
    Path folder = Shared.folder().resolve("golden/open/C_preference/sft_losses");
    assumeTrue(Files.exists(folder), "skipped: " + folder + " is absent; set ENGINE_SHARED");
    JsonNode golden = JsonFiles.read(folder.resolve("case.json")).path("results");
    float[] logits;
    float[] reference;
    long[] labels;
    try (SafetensorsFile file = SafetensorsFile.open(folder.resolve("golden.safetensors"))) {
      logits = file.tensor("logits").data().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
      reference = file.tensor("ref_logits").data().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
      MemorySegment ids = file.tensor("labels").data();
      labels = ids.toArray(ValueLayout.JAVA_LONG_UNALIGNED);
    }
    List<int[]> learned = new ArrayList<>(); // row, target
    for (int t = 0; t + 1 < labels.length; t++) {
      if ((t + 1) % 10 != 0 && labels[t + 1] != -100) {
        learned.add(new int[] {t, (int) labels[t + 1]});
      }
    }
    int[] rows = learned.stream().mapToInt(l -> l[0]).toArray();
    int[] targets = learned.stream().mapToInt(l -> l[1]).toArray();
    double n = rows.length;
    check(golden.path("dft"), logits, null, rows, targets, n, 0, 0);
    check(golden.path("dft_num_items_17"), logits, null, rows, targets, 17, 0, 0);
    check(golden.path("eaft_alpha_1"), logits, null, rows, targets, n, 1, 0);
    check(golden.path("eaft_alpha_2_num_items_17"), logits, null, rows, targets, 17, 2, 0);
    check(golden.path("asft_alpha_0.1"), logits, reference, rows, targets, n, 0, 0.1);
  }

  private static void check(
      JsonNode want,
      float[] logits,
      float[] reference,
      int[] rows,
      int[] targets,
      double items,
      double eaft,
      double asft) {
    try (Backend backend = new VectorBackend();
        Scope scope = new Scope(backend, "test")) {
      float[] identity = new float[VOCAB * VOCAB];
      for (int i = 0; i < VOCAB; i++) {
        identity[i * VOCAB + i] = 1;
      }
      Tensor w = scope.of(identity, VOCAB, VOCAB);
      Tensor hidden = scope.of(logits, logits.length / VOCAB, VOCAB).needsGrad(true);
      Tape tape = Tape.training(scope);
      Tensor tokens =
          TokenLogProbs.apply(
              tape, hidden, new TokenLogProbs.Head(w, null, 0), rows, targets, null);
      float[] values = tokens.toFloats();
      float[] slopes = new float[values.length];
      double loss = 0;
      for (int i = 0; i < values.length; i++) {
        float[] row = hidden.rows(rows[i], rows[i] + 1).toFloats();
        double weight =
            eaft > 0 ? Math.pow(WeightedLm.topEntropy(row, 0) / 3, eaft) : Math.exp(values[i]);
        loss -= weight * values[i] / items;
        slopes[i] = (float) (-weight / items);
      }
      tokens.grad(scope.of(slopes, slopes.length));
      if (asft > 0) {
        Tensor frozen = scope.of(reference, reference.length / VOCAB, VOCAB);
        Tensor divergences = TokenDivergence.apply(tape, hidden, w, rows, frozen, w);
        float[] each = new float[rows.length];
        java.util.Arrays.fill(each, (float) (asft / items));
        for (float divergence : divergences.toFloats()) {
          loss += asft * divergence / items;
        }
        divergences.grad(scope.of(each, each.length));
      }
      tape.backward();
      assertThat(loss).isCloseTo(want.path("loss").asDouble(), within(1e-5));
      double square = 0;
      double sum = 0;
      for (float g : hidden.grad().toFloats()) {
        square += (double) g * g;
        sum += Math.abs(g);
      }
      double norm = want.at("/grad/norm").asDouble();
      double total = want.at("/grad/abs_sum").asDouble();
      assertThat(Math.sqrt(square)).isCloseTo(norm, within(1e-4 * norm));
      assertThat(sum).isCloseTo(total, within(1e-4 * total));
    }
  }
}
