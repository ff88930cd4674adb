package llmengine.nn.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import llmengine.engine.file.SafetensorsFile;
import llmengine.engine.file.StoredTensor;
import llmengine.nn.Shared;
import org.junit.jupiter.api.Test;

/** Logits processors, one by one and in chains, against transformers. */
class SamplerGoldenTest {
  private static final float REMOVED = -3e38f; // or infinite

  @Test
  void processorsAgreeWithTransformers() throws IOException {
    Path dir = Shared.path("golden/open/E_sampling/logits_processors");
    JsonNode golden = Shared.json(dir.resolve("case.json"));
    try (SafetensorsFile file = SafetensorsFile.open(dir.resolve("golden.safetensors"))) {
      for (Map.Entry<String, JsonNode> entry : golden.path("single").properties()) {
        JsonNode p = entry.getValue().path("params");
        String name = entry.getKey();
        if (!name.equals("inf_nan_remove")) { // a NaN is an error here, see SamplerTest
          compare(file, name, p, "out_" + name);
        }
      }
      for (Map.Entry<String, JsonNode> entry : golden.path("chains").properties()) {
        String name = entry.getKey();
        compare(file, name, entry.getValue().path("params"), "chain_" + name + "_scores");
      }
    }
  }

  private void compare(SafetensorsFile file, String name, JsonNode p, String expectedName) {
    float[][] logits = floats(file.tensor(p.path("input").asText("logits")));
    float[][] expected = floats(file.tensor(expectedName));
    int[][] context = ids(file.tensor("context_ids"));
    for (int r = 0; r < logits.length; r++) {
      float[] got = logits[r];
      if (p.has("min_tokens_to_keep")) {
        new DistributionFilter(got.length)
            .topP(got, p.path("top_p").asDouble(), p.path("min_tokens_to_keep").asInt());
      } else {
        Sampler sampler = new Sampler(options(p), got.length);
        sampler.process(got, sampler.history(context[r]));
      }
      for (int i = 0; i < got.length; i++) {
        String where = name + " row " + r + " id " + i;
        assertThat(got[i] < REMOVED).as(where + " removed").isEqualTo(expected[r][i] < REMOVED);
        if (got[i] >= REMOVED) {
          assertThat(got[i]).as(where).isCloseTo(expected[r][i], within(1e-6f));
        }
      }
    }
  }

  static SamplingOptions options(JsonNode p) {
    Set<Integer> stop = new HashSet<>();
    JsonNode eos = p.path("eos_token_id");
    eos.forEach(n -> stop.add(n.asInt()));
    if (eos.isInt()) {
      stop.add(eos.asInt());
    }
    List<SamplingOptions.SequenceBias> bias = new ArrayList<>();
    for (JsonNode b : p.path("sequence_bias")) {
      List<Integer> ids = new ArrayList<>();
      b.get(0).forEach(n -> ids.add(n.asInt()));
      bias.add(new SamplingOptions.SequenceBias(ids, b.get(1).asDouble()));
    }
    JsonNode early = p.path("early_stopping");
    double penalty = p.path("penalty").asDouble(p.path("repetition_penalty").asDouble(1));
    return SamplingOptions.defaults()
        .with()
        .doSample(p.path("do_sample").asBoolean(!p.has("max_new_tokens")))
        .temperature(p.path("temperature").asDouble(1))
        .topK(p.path("top_k").asInt(0))
        .topP(p.path("top_p").asDouble(1))
        .minP(p.path("min_p").asDouble(0))
        .typicalP(p.path("typical_p").asDouble(1))
        .repetitionPenalty(penalty)
        .noRepeatNgramSize(p.path("no_repeat_ngram_size").asInt(0))
        .sequenceBias(bias)
        .minNewTokens(p.path("min_new_tokens").asInt(0))
        .maxNewTokens(p.path("max_new_tokens").asInt(1))
        .stopIds(stop)
        .numBeams(p.path("num_beams").asInt(1))
        .numReturnSequences(p.path("num_return_sequences").asInt(1))
        .lengthPenalty(p.path("length_penalty").asDouble(1))
        .earlyStopping(
            early.asText().equals("never")
                ? EarlyStopping.NEVER
                : early.asBoolean() ? EarlyStopping.YES : EarlyStopping.NO)
        .build();
  }

  private static float[][] floats(StoredTensor t) {
    float[][] rows = new float[(int) t.shape()[0]][(int) t.shape()[1]];
    int at = 0;
    for (float[] row : rows) {
      for (int i = 0; i < row.length; i++) {
        row[i] = t.data().get(ValueLayout.JAVA_FLOAT_UNALIGNED, 4L * at++);
      }
    }
    return rows;
  }

  private static int[][] ids(StoredTensor t) {
    int[][] rows = new int[(int) t.shape()[0]][(int) t.shape()[1]];
    int at = 0;
    for (int[] row : rows) {
      for (int i = 0; i < row.length; i++) {
        row[i] = (int) t.data().get(ValueLayout.JAVA_LONG_UNALIGNED, 8L * at++);
      }
    }
    return rows;
  }
}
