package llmengine.nn.generate;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.SplittableRandom;
import llmengine.engine.Backend;
import llmengine.nn.Decoder;
import llmengine.nn.load.RandomWeights;
import llmengine.nn.model.Family;
import llmengine.nn.model.ModelConfig;

/** A llama with random weights, large enough ones that its answers vary. */
public final class TinyModel {
  public static final int VOCAB = 61;
  public static final int CONTEXT = 700;

  private TinyModel() {}

  public static Decoder on(Backend backend) {
    ObjectNode config = JsonNodeFactory.instance.objectNode();
    config.put("model_type", "llama");
    config.put("vocab_size", VOCAB);
    config.put("hidden_size", 16);
    config.put("num_attention_heads", 4);
    config.put("num_key_value_heads", 2);
    config.put("intermediate_size", 24);
    config.put("num_hidden_layers", 2);
    config.put("max_position_embeddings", CONTEXT);
    return new Decoder(
        backend, Family.of(new ModelConfig("test", config)), new RandomWeights(7, 0.5, 0));
  }

  public static int[] prompt(long seed, int length) {
    SplittableRandom random = new SplittableRandom(seed);
    int[] ids = new int[length];
    for (int i = 0; i < length; i++) {
      ids[i] = random.nextInt(VOCAB);
    }
    return ids;
  }
}
