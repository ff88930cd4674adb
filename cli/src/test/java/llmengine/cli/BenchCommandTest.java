package llmengine.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BenchCommandTest {
  @TempDir Path folder;
  private String model;

  @BeforeEach
  void write() throws IOException {
    model = TinyModel.write(folder.resolve("model"), 64).toString();
  }

  @Test
  void measuresPromptsAndGenerationAsTableAndJson() throws IOException {
    RunWords table =
        RunWords.of(
            "bench", model, "--warmup=0", "--prompt", "7,0", "--generate", "3", "--batch", "1,4");
    assertThat(table.code()).as(table.err()).isEqualTo(ExitCode.OK);
    assertThat(table.out().lines())
        .hasSize(5)
        .anyMatch(line -> line.contains(" pp7 ") && line.contains("F32"))
        .anyMatch(line -> line.contains(" tg3 "))
        .anyMatch(line -> line.contains(" tg3x4 "));
    RunWords json =
        RunWords.of(
            "bench",
            model,
            "--warmup=0",
            "--prompt=5",
            "--generate=0",
            "--repetitions=2",
            "--json");
    JsonNode list = new ObjectMapper().readTree(json.out());
    assertThat(list.size()).isEqualTo(1);
    assertThat(list.get(0).path("test").asText()).isEqualTo("pp5");
    assertThat(list.get(0).path("samples").size()).isEqualTo(2);
    assertThat(list.get(0).path("tokens_per_second").asDouble()).isPositive();
    assertThat(list.get(0).path("parameters").asLong()).isGreaterThan(20_000);
  }

  @Test
  void measuresTrainingSteps() throws IOException {
    RunWords run =
        RunWords.of(
            "bench",
            model,
            "--prompt=0",
            "--generate=0",
            "--train=lora,full",
            "--rows=2",
            "--length=9",
            "--repetitions=2",
            "--json",
            "disable_gradient_checkpointing=true");
    assertThat(run.code()).as(run.err()).isEqualTo(ExitCode.OK);
    JsonNode list = new ObjectMapper().readTree(run.out());
    assertThat(list.findValuesAsText("test")).containsExactly("lora 2x9", "full 2x9");
    assertThat(list.get(0).path("samples")).hasSize(2);
    assertThat(list.get(1).path("tokens_per_second").asDouble()).isPositive();
    assertThat(
            RunWords.of("bench", model, "--train=lora", "--prompt=0", "--generate=0", "lora_rang=3")
                .err())
        .contains("lora_rank");
  }

  @Test
  void refusesWhatCantBeMeasured() {
    RunWords run = RunWords.of("bench", model, "--batch", "0");
    assertThat(run.code()).isEqualTo(ExitCode.USAGE);
    assertThat(run.err()).contains("--batch").contains("1 or more");
    assertThat(RunWords.of("bench", model, "--warmup=-1").err()).contains("0 or more seconds");
    assertThat(RunWords.of("bench").code()).isEqualTo(ExitCode.USAGE);
    assertThat(RunWords.of("bench", model, "--train=qlora").err()).contains("lora or full");
  }
}
