package llmengine.engine.file;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class DamagedContainerTest {
  private static final int SEEDS = 150;

  private static List<Path> inputs(ContainerTarget target) throws IOException, URISyntaxException {
    URL folder =
        DamagedContainerTest.class.getResource(
            "ContainerFuzzTestInputs/" + target.name().toLowerCase(Locale.ROOT));
    try (Stream<Path> files = Files.list(Path.of(folder.toURI()))) {
      return files.sorted().toList();
    }
  }

  @ParameterizedTest
  @EnumSource
  void recordedInputsAreReadOrRefused(ContainerTarget target) throws Exception {
    for (Path input : inputs(target)) {
      boolean read = target.run(Files.readAllBytes(input));
      boolean good =
          List.of("whole", "empty", "version_2").contains(input.getFileName().toString());
      assertThat(read).as("%s is read", input).isEqualTo(good);
    }
  }

  @ParameterizedTest
  @EnumSource
  void damagedInputsAreReadOrRefused(ContainerTarget target) throws Exception {
    int read = 0;
    List<Path> inputs = inputs(target);
    for (Path input : inputs) {
      byte[] bytes = Files.readAllBytes(input);
      for (int seed = 0; seed < SEEDS; seed++) {
        read += target.run(Damage.of(bytes, seed)) ? 1 : 0;
      }
    }
    assertThat(read).isLessThan(SEEDS * inputs.size());
  }
}
