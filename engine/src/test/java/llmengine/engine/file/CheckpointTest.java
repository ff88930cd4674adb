package llmengine.engine.file;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import llmengine.engine.FormatException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CheckpointTest {
  @TempDir Path dir;

  private void shard(String file, String... names) throws IOException {
    StringBuilder json = new StringBuilder("{");
    for (int i = 0; i < names.length; i++) {
      json.append(i == 0 ? "" : ",")
          .append("'" + names[i] + "':{'dtype':'U8','shape':[1],'data_offsets':[")
          .append(i + "," + (i + 1) + "]}");
    }
    byte[] bytes = SafetensorsFileTest.file(json.append('}').toString(), names.length);
    Files.write(dir.resolve(file), bytes);
  }

  private void index(String weightMap) throws IOException {
    Files.writeString(
        dir.resolve("model.safetensors.index.json"),
        ("{'metadata':{'total_size':1e9},'weight_map':" + weightMap + "}").replace('\'', '"'));
  }

  private void refused(String... parts) {
    var check =
        assertThatThrownBy(() -> Checkpoint.open(dir))
            .isInstanceOf(FormatException.class)
            .hasMessageStartingWith(dir.toString());
    for (String part : parts) {
      check.hasMessageContaining(part);
    }
  }

  @Test
  void opensOneFileOrItsDirectory() throws IOException {
    shard("model.safetensors", "a", "b");
    index("{'z':'gone.safetensors'}"); // the single file wins
    try (Checkpoint byDirectory = Checkpoint.open(dir);
        Checkpoint byFile = Checkpoint.open(dir.resolve("model.safetensors"))) {
      assertThat(byDirectory.names()).containsExactly("a", "b");
      assertThat(byFile.names()).containsExactly("a", "b");
      assertThat(byFile.find("z")).isEmpty();
      assertThatThrownBy(() -> byFile.tensor("z"))
          .isInstanceOf(FormatException.class)
          .hasMessageContaining("no tensor \"z\"");
    }
  }

  @Test
  void opensAdapters() throws IOException {
    shard("adapter_model.safetensors", "lora_A");
    try (Checkpoint adapter = Checkpoint.open(dir, "adapter_model")) {
      assertThat(adapter.names()).containsExactly("lora_A");
    }
  }

  @Test
  void opensShardsIncludingTensorsTheIndexForgot() throws IOException {
    shard("s1.safetensors", "a", "forgotten");
    shard("s2.safetensors", "b");
    index("{'b':'s2.safetensors','a':'s1.safetensors'}");
    try (Checkpoint checkpoint = Checkpoint.open(dir)) {
      assertThat(checkpoint.names()).containsExactly("a", "forgotten", "b");
    }
  }

  @Test
  void refusesMissingShards() throws IOException {
    shard("s1.safetensors", "a");
    index("{'a':'s1.safetensors','b':'s2.safetensors'}");
    refused("shard missing: expected 2 files, got no s2.safetensors");
  }

  @Test
  void refusesTensorsInTheWrongShardInNoneOrInTwo() throws IOException {
    shard("s1.safetensors", "a", "b");
    shard("s2.safetensors", "c");
    index("{'a':'s1.safetensors','b':'s2.safetensors'}");
    refused("tensor \"b\"", "expected it in s2.safetensors, got it in s1.safetensors");
    index("{'a':'s1.safetensors','d':'s2.safetensors'}");
    refused("tensor \"d\"", "got it in no shard");
    shard("s2.safetensors", "a");
    refused("tensor \"a\": stored twice", "s1.safetensors and s2.safetensors");
  }

  @Test
  void refusesMalformedIndexes() throws IOException {
    index("{'a':'../secret.safetensors'}");
    refused("weight_map a: bad shard");
    index("{'a':'C:x.safetensors'}");
    refused("bad shard");
    index("{'a':3}");
    refused("weight_map a: wrong JSON");
    index("{'a':'s.safetensors','a':'s.safetensors'}");
    refused("Duplicate");
    index("3");
    refused("weight_map: wrong JSON");
    index("{");
    refused("not a JSON index");
    Files.writeString(dir.resolve("model.safetensors.index.json"), "{}");
    refused("no weight_map");
  }

  @Test
  void saysWhatToDoAboutOtherFormats() throws IOException {
    refused("no weights", "an empty directory");
    Files.createFile(dir.resolve("config.json"));
    Files.createFile(dir.resolve("training_args.bin"));
    refused("no weights", "2 other files");
    Files.createFile(dir.resolve("m.gguf"));
    refused("got m.gguf. Give the path of the GGUF file itself");
    Path index = Files.createFile(dir.resolve("pytorch_model.bin.index.json"));
    refused("pickle", "got pytorch_model.bin.index.json", "Convert it once");
    Files.delete(index);
    Files.createFile(dir.resolve("pytorch_model.bin"));
    refused("pickle", "got pytorch_model.bin", "save_pretrained");
    for (String name : new String[] {"pytorch_model.bin", "m.gguf"}) {
      assertThatThrownBy(() -> Checkpoint.open(dir.resolve(name)))
          .isInstanceOf(FormatException.class)
          .hasMessageContaining(name)
          .hasMessageContaining("expected model.safetensors");
    }
  }
}
