package llmengine.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Profiles of whole runs. */
class ProfilerTest {
  @TempDir private Path folder;
  private TinyRun tiny;

  @BeforeEach
  void make() throws IOException {
    tiny = new TinyRun(folder);
  }

  @Test
  void aProfileHoldsEveryLayerAndAddsUp() throws IOException {
    tiny.train("plain", "max_steps=5");
    tiny.train("run", "max_steps=5", "profile=true", "profiler_active_steps=2");
    assertThat(tiny.bytes("run/adapter_model.safetensors"))
        .isEqualTo(tiny.bytes("plain/adapter_model.safetensors"));
    assertThat(tiny.out("plain/profiler")).doesNotExist();
    Path profiles = tiny.out("run/profiler");
    assertThat(tiny.printed)
        .contains("profile  steps 3 to 4: ")
        .contains(profiles.resolve("steps-3-4") + ".txt, .csv and .jfr");
    List<String> rows = Files.readAllLines(profiles.resolve("steps-3-4.csv"));
    double total = 0;
    double percent = 0;
    for (String row : rows.subList(1, rows.size())) {
      String[] cells = row.split(",");
      total += Double.parseDouble(cells[cells.length - 2]);
      percent += Double.parseDouble(cells[cells.length - 1]);
    }
    assertThat(percent).isCloseTo(100, within(0.1));
    String text = Files.readString(profiles.resolve("steps-3-4.txt"));
    assertThat(text)
        .contains("model.layers.0 ")
        .contains("model.layers.1 ")
        .contains("linear_cross_entropy ")
        .contains("optimizer ");
    double said = Double.parseDouble(text.replaceFirst("(?s)2 steps, (\\S+) ms a step.*", "$1"));
    assertThat(said).isCloseTo(total, within(0.06));
    List<RecordedEvent> events = RecordingFile.readAllEvents(profiles.resolve("steps-3-4.jfr"));
    assertThat(events.stream().filter(e -> e.getEventType().getName().equals("llmengine.Op")))
        .anyMatch(
            e ->
                e.getString("where").startsWith("model.layers.1.")
                    && e.getString("phase").equals("backward"))
        .anyMatch(e -> e.getString("where").equals("optimizer"));
  }

  @Test
  void cyclesAreThoseOfLlamaFactory() throws IOException {
    tiny.train(
        "run",
        "max_steps=8",
        "enable_torch_profiler=true",
        "profiler_output_dir=" + folder.resolve("here"),
        "profiler_wait_steps=1",
        "profiler_warmup_steps=0",
        "profiler_repeat=2");
    try (Stream<Path> files = Files.list(folder.resolve("here"))) {
      assertThat(files.map(f -> f.getFileName().toString()))
          .containsExactlyInAnyOrder(
              "step-2.txt", "step-2.csv", "step-2.jfr", "step-4.txt", "step-4.csv", "step-4.jfr");
    }
  }

  @Test
  void aRunThatEndsBeforeIsSaidAndOneThatEndsWithinIsWritten() {
    tiny.train("short", "max_steps=2", "profile=true");
    assertThat(tiny.printed).contains("profile: WARNING: no step was profiled");
    tiny.train("cut", "max_steps=4", "profile=true", "profiler_active_steps=9");
    assertThat(tiny.out("cut/profiler/steps-3-4.jfr")).isNotEmptyFile();
  }

  @Test
  void aFolderThatCannotBeMadeStopsTheRunBeforeItStarts() throws IOException {
    Path file = Files.writeString(folder.resolve("file"), "");
    assertThatThrownBy(
            () -> tiny.train("run", "profile=true", "profiler_output_dir=" + file.resolve("x")))
        .isInstanceOf(TrainException.class)
        .hasMessageStartingWith("profiler_output_dir: ");
    assertThat(tiny.out("run/trainer_log.jsonl")).doesNotExist();
  }
}
