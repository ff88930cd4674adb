package llmengine.quant.encode;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Runs llama.cpp's llama-quantize where it is installed; tests that need it skip otherwise. */
final class LlamaQuantize {
  private LlamaQuantize() {}

  static Path program() {
    String given = System.getProperty("engine.peers", System.getenv("PEERS_HOME"));
    Path home =
        given != null
            ? Path.of(given)
            : Path.of(System.getProperty("user.home"), ".cache", "engine-peers");
    Path program = home.resolve("llama.cpp/build/bin/llama-quantize");
    assumeTrue(Files.isExecutable(program), "no " + program + ": skipped");
    return program;
  }

  /** Quantizes a file to a type of file, e.g. Q4_K_M, with these options before. */
  static void run(Path source, Path target, String type, String... options) throws IOException {
    List<String> command = new ArrayList<>(List.of(program().toString()));
    command.addAll(List.of(options));
    command.addAll(List.of(source.toString(), target.toString(), type, "1"));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    try {
      assertThat(process.waitFor()).as(output).isZero();
    } catch (InterruptedException e) {
      throw new IOException(e);
    }
  }
}
