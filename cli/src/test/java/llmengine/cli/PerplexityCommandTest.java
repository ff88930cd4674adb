package llmengine.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import llmengine.data.tokenizer.HuggingFaceTokenizer;
import llmengine.engine.Backend;
import llmengine.engine.Scope;
import llmengine.engine.Tape;
import llmengine.engine.cpu.VectorBackend;
import llmengine.nn.Batch;
import llmengine.nn.Decoder;
import llmengine.nn.load.Pretrained;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PerplexityCommandTest {
  @TempDir private Path folder;
  private Path model;
  private Path text;

  @BeforeEach
  void makeModel() throws IOException {
    model = TinyModel.write(folder.resolve("model"), 64);
    text = folder.resolve("text.txt");
    Files.writeString(text, "The sea is calm tonight, the tide is full. ".repeat(12));
  }

  @Test
  void secondHalvesOfWindowsAreScored() throws IOException {
    JsonNode json = new ObjectMapper().readTree(run("--context", "16", "--json").out());
    HuggingFaceTokenizer tokenizer = HuggingFaceTokenizer.load(model);
    String prefix = tokenizer.addsBos() ? tokenizer.tokenOf(tokenizer.bosId().orElseThrow()) : "";
    int[] ids = tokenizer.encode(prefix + Files.readString(text));
    double nll = 0;
    int windows = ids.length / 16;
    for (int w = 0; w < windows; w++) {
      int[] part = Arrays.copyOfRange(ids, 16 * w, 16 * w + 16);
      if (tokenizer.addsBos()) {
        part[0] = tokenizer.bosId().orElseThrow();
      }
      float[] logits = logits(part);
      int vocab = logits.length / 16;
      for (int i = 8; i < 15; i++) { // 7 tokens: the first after the half has no half before it
        double sum = 0;
        for (int v = 0; v < vocab; v++) {
          sum += Math.exp(logits[i * vocab + v]);
        }
        nll += Math.log(sum) - logits[i * vocab + part[i + 1]];
      }
    }
    assertThat(json.get("windows").asInt()).isEqualTo(windows);
    assertThat(json.get("scored_tokens").asInt()).isEqualTo(7 * windows);
    double expected = Math.exp(nll / (7 * windows));
    assertThat(json.get("perplexity").asDouble()).isCloseTo(expected, within(1e-3 * expected));
    assertThat(json.get("error").asDouble()).isPositive();
    assertThat(json.get("bits_per_weight").asDouble()).isEqualTo(32);
  }

  private float[] logits(int[] ids) {
    try (Pretrained files = Pretrained.open(model);
        Backend backend = new VectorBackend();
        Decoder decoder = files.load(backend);
        Scope scope = new Scope(backend, "test")) {
      Tape tape = Tape.inference(scope);
      return decoder
          .logits(tape, decoder.hidden(tape, Batch.of(scope, ids, ids.length)))
          .toFloats();
    }
  }

  @Test
  void runningValuesAndChunksForPeople() {
    RunWords run = run("--context", "16", "--chunks", "2");
    assertThat(run.code()).as(run.err()).isEqualTo(ExitCode.OK);
    assertThat(run.out())
        .contains("[1]", "[2]", "perplexity ", "+/-", "14 tokens", "tokens/s", "32.00 bits")
        .doesNotContain("[3]");
  }

  @Test
  void badInputIsExplained() throws IOException {
    assertThat(run("--context", "128").err()).contains("--context", "64");
    assertThat(run("--context", "16", "--chunks", "0").code()).isEqualTo(ExitCode.USAGE);
    Files.writeString(text, "short");
    assertThat(run("--context", "16").err()).contains("too short", "32 tokens");
    Files.write(text, new byte[] {(byte) 0xff, (byte) 0xfe});
    assertThat(run().err()).contains("UTF-8");
    Files.delete(text);
    RunWords run = run();
    assertThat(run.code()).isEqualTo(ExitCode.FAILURE);
    assertThat(run.err()).contains("no such text").doesNotContain("\tat ");
    assertThat(RunWords.of("perplexity", "model_name_or_path=" + model).code())
        .isEqualTo(ExitCode.USAGE);
  }

  private RunWords run(String... more) {
    String[] words = new String[3 + more.length];
    words[0] = "perplexity";
    words[1] = "model_name_or_path=" + model;
    words[2] = text.toString();
    System.arraycopy(more, 0, words, 3, more.length);
    return RunWords.of(words);
  }
}
