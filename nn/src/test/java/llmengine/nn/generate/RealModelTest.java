package llmengine.nn.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import llmengine.data.tokenizer.HuggingFaceTokenizer;
import llmengine.engine.Backend;
import llmengine.engine.Scope;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;
import llmengine.engine.cpu.VectorBackend;
import llmengine.nn.Batch;
import llmengine.nn.Decoder;
import llmengine.nn.Shared;
import llmengine.nn.load.Pretrained;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * SmolLM2-135M-Instruct, from its GGUF file and as a Hugging Face directory (made by the script
 * beside the reference), against transformers in float32 on the same weights.
 */
@Tag("model")
class RealModelTest {
  private static final String MODEL = "models/SmolLM2-135M-Instruct";

  private final Backend backend = new VectorBackend();

  @AfterEach
  void everythingIsGivenBack() {
    assertThat(backend.memory().used()).isZero();
    backend.close();
  }

  private static Path files(String form) throws IOException {
    Path dir = Shared.path(MODEL);
    if (form.equals("gguf")) {
      try (Stream<Path> files = Files.list(dir)) {
        return files.filter(f -> f.toString().endsWith(".gguf")).findFirst().orElseThrow();
      }
    }
    Path made =
        Path.of(System.getProperty("user.home"), ".cache/engine-peers/SmolLM2-135M-Instruct-f32");
    Assumptions.assumeTrue(Files.isDirectory(made), () -> "skipped: no " + made);
    return made;
  }

  @ParameterizedTest
  @ValueSource(strings = {"gguf", "huggingface"})
  void answersAndLogitsAgreeWithTransformers(String form) throws IOException {
    JsonNode chats = Shared.json(Shared.path(MODEL + "/reference.json")).path("chats");
    try (Pretrained files = Pretrained.open(files(form));
        Decoder model = files.load(backend)) {
      List<int[]> prompts = new ArrayList<>();
      for (JsonNode chat : chats) {
        int[] prompt = ids(chat.path("prompt_ids"));
        prompts.add(prompt);
        logits(model, prompt, chat);
      }
      List<Generation> got =
          new Generator(model, 4).generate(prompts, SamplingOptions.greedy(48, 2));
      for (int i = 0; i < prompts.size(); i++) {
        assertThat(got.get(i).ids())
            .as("answer to %s", chats.get(i).path("messages"))
            .isEqualTo(ids(chats.get(i).path("greedy_ids")));
      }
    }
  }

  private void logits(Decoder model, int[] prompt, JsonNode chat) {
    try (Scope scope = new Scope(backend, "test")) {
      Tape tape = Tape.inference(scope);
      Tensor hidden = model.hidden(tape, Batch.of(scope, prompt, prompt.length));
      Tensor logits = model.logits(tape, hidden);
      for (int p = 0; p < prompt.length; p++) {
        float[] row = logits.rows(p, p + 1).toFloats();
        float max = Float.NEGATIVE_INFINITY;
        for (float v : row) {
          max = Math.max(max, v);
        }
        double lse = max + Math.log(DistributionFilter.total(row, max));
        assertThat(lse)
            .as("log-sum-exp at position %d", p)
            .isCloseTo(chat.path("logsumexp_by_position").get(p).asDouble(), within(2e-3));
        assertThat(row[chat.path("argmax_by_position").get(p).asInt()])
            .as("largest logit at position %d", p)
            .isCloseTo(max, within(1e-3f));
        if (p == prompt.length - 1) {
          for (JsonNode top : chat.path("last_logits_top10")) {
            assertThat(row[top.get(0).asInt()])
                .as("logit of id %d", top.get(0).asInt())
                .isCloseTo((float) top.get(1).asDouble(), within(1e-3f));
          }
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"gguf", "huggingface"})
  void perplexityAgreesWithTransformers(String form) throws IOException {
    JsonNode expected = Shared.json(Shared.path(MODEL + "/reference.json")).path("perplexity");
    int window = expected.path("n_ctx").asInt();
    int[] ids =
        HuggingFaceTokenizer.load(Shared.path(MODEL))
            .encode(Files.readString(Shared.path(expected.path("file").asText())));
    assertThat(ids).hasSize(expected.path("tokens_in_file").asInt());
    int[] scored = Arrays.copyOf(ids, window * expected.path("chunks").asInt());
    try (Pretrained files = Pretrained.open(files(form));
        Decoder model = files.load(backend)) {
      Perplexity got = Perplexity.of(model, scored, window, window / 2 + 1);
      assertThat(got.tokens()).isEqualTo(expected.path("tokens_scored").asLong());
      assertThat(got.value()).isCloseTo(expected.path("float32").asDouble(), within(2e-3));
    }
  }

  private static int[] ids(JsonNode list) {
    int[] ids = new int[list.size()];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = list.get(i).asInt();
    }
    return ids;
  }
}
