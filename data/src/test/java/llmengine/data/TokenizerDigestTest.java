package llmengine.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TokenizerDigestTest {
  @TempDir Path folder;

  @Test
  void changesWithTheFilesAndOnlyWithThem() throws IOException {
    assertThatThrownBy(() -> TokenizerDigest.of(folder))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("no tokenizer");
    Files.writeString(folder.resolve("tokenizer.json"), "{}");
    String plain = TokenizerDigest.of(folder);
    assertThat(plain).matches("[0-9a-f]{64}");
    Files.writeString(folder.resolve("model.safetensors"), "weights");
    assertThat(TokenizerDigest.of(folder)).isEqualTo(plain);
    Files.writeString(folder.resolve("tokenizer_config.json"), "{}");
    assertThat(TokenizerDigest.of(folder)).isNotEqualTo(plain);
    Path gguf = Files.writeString(folder.resolve("m.gguf"), "GGUF");
    String first = TokenizerDigest.of(gguf);
    Files.writeString(gguf, "GGUF2");
    assertThat(TokenizerDigest.of(gguf)).isNotEqualTo(first);
  }
}
