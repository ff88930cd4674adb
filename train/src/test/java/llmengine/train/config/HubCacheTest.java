package llmengine.train.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HubCacheTest {

  @TempDir Path folder;

  private Path snapshot(String model, String revision, String commit) throws IOException {
    Path refs = Files.createDirectories(folder.resolve(model).resolve("refs"));
    Files.writeString(refs.resolve(revision), commit + "\n");
    Path snapshot =
        Files.createDirectories(folder.resolve(model).resolve("snapshots").resolve(commit));
    Files.writeString(snapshot.resolve("config.json"), "{}");
    return snapshot;
  }

  @Test
  void namesAreLookedUpByRevisionAndByCommit() throws IOException {
    Path main = snapshot("models--org--tiny", "main", "c0ffee");
    Path old = snapshot("models--org--tiny", "v1", "beef");
    HubCache cache = new HubCache(folder, Map.of());
    assertThat(cache.find("k", "org/tiny", "main")).isEqualTo(main);
    assertThat(cache.find("k", "org/tiny", "v1")).isEqualTo(old);
    assertThat(cache.find("k", "org/tiny", "beef")).isEqualTo(old);
  }

  @Test
  void aFolderOnDiskGoesBeforeTheCache() {
    assertThat(new HubCache(folder.resolve("none"), Map.of()).find("k", folder.toString(), "main"))
        .isEqualTo(folder);
  }

  @Test
  void whatIsNowhereIsSaidInOneSentence() {
    RunConfig config =
        RunConfig.forInference(List.of("model_name_or_path=no-such-model", "cache_dir=" + folder));
    assertThatThrownBy(config::modelPath)
        .isInstanceOf(ConfigException.class)
        .hasMessageStartingWith("model_name_or_path: not found")
        .hasMessageContaining("no-such-model")
        .hasMessageContaining(folder.toString());
    HubCache offline = new HubCache(folder, Map.of("HF_HUB_OFFLINE", "1"));
    assertThatThrownBy(() -> offline.find("model_name_or_path", "org/no-such-model", "main"))
        .isInstanceOf(ConfigException.class)
        .hasMessageStartingWith("model_name_or_path: no such folder or file here")
        .hasMessageContaining("HF_HUB_OFFLINE");
  }

  @Test
  void aCutDownloadBehindACommitIsNotTakenForAModel() throws IOException {
    HubCache offline = new HubCache(folder, Map.of("HF_HUB_OFFLINE", "1"));
    Path snapshot = snapshot("models--org--tiny", "main", "c0ffee");
    Files.delete(snapshot.resolve("config.json"));
    assertThat(offline.find("k", "org/tiny", "main")).isEqualTo(snapshot);
    assertThatThrownBy(() -> offline.find("k", "org/tiny", "c0ffee"))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("not in the cache");
  }

  @Test
  void ofAMistypedPathIsSaidThatItIsNotThere() throws IOException {
    HubCache offline = new HubCache(folder, Map.of("HF_HUB_OFFLINE", "1"));
    for (String name : List.of("saves/typo", "./typo", "../typo", "/no/such", "saves/a/typo")) {
      assertThatThrownBy(() -> offline.find("model_name_or_path", name, "main"))
          .as(name)
          .isInstanceOf(ConfigException.class)
          .hasMessageStartingWith("model_name_or_path: no such folder or file: expected one at /")
          .hasMessageContaining(Path.of(name).toAbsolutePath().normalize().toString());
    }
    assertThatThrownBy(() -> offline.find("k", "src/typo", "main"))
        .hasMessageStartingWith("k: no such folder or file: expected one at ")
        .hasMessageContaining("As the name of a model: src/typo: not in the cache");
  }

  @Test
  void variablesNameTheCache() {
    assertThat(HubCache.of(Optional.empty(), Map.of("HF_HOME", "/h")).folder())
        .isEqualTo(Path.of("/h/hub"));
    assertThat(
            HubCache.of(Optional.empty(), Map.of("HF_HOME", "/h", "HF_HUB_CACHE", "/c")).folder())
        .isEqualTo(Path.of("/c"));
    assertThat(HubCache.of(Optional.empty(), Map.of("HF_HOME", "/h", "HF_HUB_CACHE", " ")).folder())
        .isEqualTo(Path.of("/h/hub"));
    assertThat(HubCache.of(Optional.of(Path.of("d")), Map.of("HF_HOME", "/h")).folder())
        .isEqualTo(Path.of("d"));
  }

  @Test
  void adaptersAreFoundWithTheirFolder() throws IOException {
    Path adapter = Files.createDirectories(folder.resolve("adapter"));
    RunConfig config =
        RunConfig.forInference(
            List.of(
                "model_name_or_path=m",
                "adapter_name_or_path=" + adapter + "," + folder,
                "adapter_folder=part"));
    assertThat(config.adapterPaths())
        .containsExactly(adapter.resolve("part"), folder.resolve("part"));
  }
}
