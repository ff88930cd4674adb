package llmengine.serve.schedule;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import llmengine.engine.Backend;
import llmengine.engine.cpu.VectorBackend;
import llmengine.nn.Decoder;
import llmengine.nn.generate.FinishReason;
import llmengine.nn.generate.Generator;
import llmengine.nn.generate.SamplingOptions;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class SchedulerTest {
  private final Backend backend = new VectorBackend();
  private final Decoder model = TinyModel.on(backend);

  @AfterEach
  void everythingIsGivenBack() {
    model.close();
    assertThat(backend.memory().used()).isZero();
    backend.close();
  }

  static GenerationRequest request(int[] prompt, SamplingOptions options) {
    return new GenerationRequest("tiny", prompt, options, 1, -1, Optional.empty(), "");
  }

  @Test
  void answersAreThoseOfTheGenerator() {
    SamplingOptions options = SamplingOptions.defaults().with().maxNewTokens(20).seed(5).build();
    try (Scheduler scheduler =
        new Scheduler(model, "tiny", SchedulerOptions.defaults().withMaxSequences(4))) {
      List<Heard> heard = new ArrayList<>();
      for (int i = 0; i < 9; i++) {
        Heard h = new Heard(1);
        scheduler.submit(request(TinyModel.prompt(i, 3 + 40 * i), options), h);
        heard.add(h);
      }
      for (int i = 0; i < 9; i++) {
        int[] expected =
            new Generator(model, 1)
                .generate(List.of(TinyModel.prompt(i, 3 + 40 * i)), options)
                .getFirst()
                .ids();
        assertThat(heard.get(i).await().answer(0)).as("request %d", i).isEqualTo(expected);
        assertThat(heard.get(i).reasons[0]).isEqualTo(FinishReason.LENGTH);
      }
    }
  }
}
