package llmengine.nn.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import llmengine.engine.Backend;
import llmengine.engine.cpu.VectorBackend;
import llmengine.nn.Decoder;
import llmengine.nn.Shared;
import llmengine.nn.load.Pretrained;
import org.junit.jupiter.api.Test;

/** Greedy and beam search ids on a tiny llama against transformers. */
class GenerationGoldenTest {
  private final Backend backend = new VectorBackend();

  @Test
  void tokensAgreeWithTransformers() throws IOException {
    JsonNode golden =
        Shared.json(Shared.path("golden/open/E_sampling/generation").resolve("case.json"));
    try (Pretrained files = Pretrained.open(Shared.path("models/tiny/llama"));
        Decoder model = files.load(backend)) {
      for (Map.Entry<String, JsonNode> run : golden.path("runs").properties()) {
        compare(model, run.getKey(), run.getValue());
      }
    }
    assertThat(backend.memory().used()).as("bytes still in use").isZero();
  }

  private void compare(Decoder model, String name, JsonNode run) {
    SamplingOptions options = SamplerGoldenTest.options(run.path("params"));
    List<int[]> prompts = new ArrayList<>();
    for (int r = 0; r < run.path("input_ids").size(); r++) {
      List<Integer> ids = new ArrayList<>();
      for (int t = 0; t < run.path("input_ids").get(r).size(); t++) {
        if (run.path("attention_mask").get(r).get(t).asInt() == 1) {
          ids.add(run.path("input_ids").get(r).get(t).asInt());
        }
      }
      prompts.add(ids.stream().mapToInt(i -> i).toArray());
    }
    List<Generation> got = new Generator(model, 8).generate(prompts, options);
    JsonNode expected = run.path("new_tokens");
    assertThat(got).as(name).hasSize(expected.size());
    for (int s = 0; s < got.size(); s++) {
      int[] ids = got.get(s).ids();
      for (int t = 0; t < expected.get(s).size(); t++) { // finished rows are filled up there
        int fill = options.numBeams() > 1 ? ids[ids.length - 1] : 0;
        assertThat(t < ids.length ? ids[t] : fill)
            .as("%s, sequence %d, token %d", name, s, t)
            .isEqualTo(expected.get(s).get(t).asInt());
      }
      boolean stopped = options.stopIds().contains(ids[ids.length - 1]);
      assertThat(got.get(s).finish())
          .as(name)
          .isEqualTo(stopped ? FinishReason.STOP : FinishReason.LENGTH);
      if (run.has("sequences_scores")) {
        assertThat(got.get(s).score())
            .as("%s, score %d", name, s)
            .isCloseTo(run.path("sequences_scores").get(s).asDouble(), within(1e-4));
      }
    }
  }
}
