package llmengine.train.plan;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import llmengine.engine.Backend;
import llmengine.engine.cpu.VectorBackend;
import llmengine.nn.Decoder;
import llmengine.nn.load.RandomWeights;
import llmengine.nn.model.DecoderSpec;
import llmengine.nn.model.Family;
import llmengine.nn.model.ModelConfig;
import llmengine.train.plan.WeightList.Weight;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class WeightListTest {
  private static final String CONFIG =
      """
      {"vocab_size": 40, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
       "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 4, "sliding_window": 8,
       "query_pre_attn_scalar": 4, "rope_local_base_freq": 10000.0, "max_position_embeddings": 64}
      """;

  @ParameterizedTest
  @ValueSource(strings = {"llama", "mistral", "qwen2", "qwen3", "gemma2", "gemma3_text", "phi3"})
  void listsWhatTheModelHas(String family) throws IOException {
    ObjectNode json = (ObjectNode) new ObjectMapper().readTree(CONFIG);
    json.put("model_type", family);
    DecoderSpec spec = Family.of(new ModelConfig("test", json));
    Set<String> listed = new TreeSet<>();
    for (Weight w : WeightList.of(spec)) {
      listed.add(w.name() + (w.isMatrix() ? List.of(w.rows(), w.cols()) : List.of(w.rows())));
    }
    Set<String> real = new TreeSet<>();
    try (Backend backend = new VectorBackend();
        Decoder model = new Decoder(backend, spec, new RandomWeights(1, 0.1, 0))) {
      model
          .parameters()
          .forEach((name, p) -> real.add(name + Arrays.toString(p.value().shape().dims())));
    }
    assertThat(listed).isEqualTo(real);
  }
}
