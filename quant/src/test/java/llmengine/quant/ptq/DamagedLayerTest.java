package llmengine.quant.ptq;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import llmengine.engine.file.Damage;
import org.junit.jupiter.api.Test;

class DamagedLayerTest {
  /** One for each format, small. */
  private static List<Path> inputs() throws Exception {
    Path folder =
        Path.of(DamagedLayerTest.class.getResource("QuantizedFuzzTestInputs/layer").toURI());
    try (Stream<Path> files = Files.list(folder)) {
      return files.sorted().toList();
    }
  }

  @Test
  void recordedLayersAreReadOrRefused() throws Exception {
    List<String> read = new ArrayList<>();
    try (QuantizedTarget target = new QuantizedTarget()) {
      for (Path input : inputs()) {
        if (target.run(Files.readAllBytes(input))) {
          read.add(input.getFileName().toString());
        }
      }
    }
    assertThat(read)
        .contains("aqlm", "awq", "fp8", "gptq", "gptq_act_order", "hqq", "mxfp4", "nf4", "int8");
  }

  @Test
  void damagedLayersAreReadOrRefused() throws Exception {
    int read = 0;
    int refused = 0;
    try (QuantizedTarget target = new QuantizedTarget()) {
      for (Path input : inputs()) {
        byte[] bytes = Files.readAllBytes(input);
        int header = (bytes[0] & 0xff | (bytes[1] & 0xff) << 8) + 2;
        for (int seed = 0; seed < 10; seed++) {
          boolean ok = target.run(damaged(bytes, header, seed));
          read += ok ? 1 : 0;
          refused += ok ? 0 : 1;
        }
      }
    }
    assertThat(read).isPositive();
    assertThat(refused).isPositive();
  }

  /** Damage to the settings or to the file, by turns. */
  private static byte[] damaged(byte[] bytes, int header, int seed) throws IOException {
    byte[] config = Arrays.copyOfRange(bytes, 2, header);
    byte[] file = Arrays.copyOfRange(bytes, header, bytes.length);
    if (seed % 3 == 0) {
      config = Damage.of(config, seed);
    } else {
      file = Damage.of(file, seed);
    }
    return QuantizedTarget.input(new String(config, StandardCharsets.ISO_8859_1), file);
  }
}
