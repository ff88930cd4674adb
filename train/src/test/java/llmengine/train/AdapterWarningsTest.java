package llmengine.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import llmengine.engine.FormatException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Adapters that do not suit their model. */
class AdapterWarningsTest {
  @TempDir private Path folder;
  private TinyRun tiny;

  @BeforeEach
  void make() throws IOException {
    tiny = new TinyRun(folder);
  }

  @Test
  void aRankAboveTheMatrixTrainsAndIsSaid() {
    tiny.train("run", "max_steps=1", "lora_rank=33", "lora_target=q_proj,k_proj,down_proj");
    assertThat(tiny.printed)
        .contains(
            "train  WARNING: rank 33 is above the smaller side of 6 layers, 32 in"
                + " model.layers.0.self_attn.q_proj: ");
    tiny.train("fits", "max_steps=1", "lora_rank=32", "lora_target=q_proj");
    assertThat(tiny.printed).doesNotContain("smaller side");
  }

  @Test
  void anAdapterOfAnotherBaseIsRefusedByItsShapesOrSaidByItsName() throws IOException {
    tiny.train("first", "max_steps=1", "lora_rank=4", "lora_target=q_proj");
    String adapter = "adapter_name_or_path=" + tiny.out("first");
    tiny.train("again", "max_steps=1", adapter);
    assertThat(tiny.printed).doesNotContain("was made for");
    Files.move(folder.resolve("model"), folder.resolve("other"));
    tiny.train("renamed", "max_steps=1", adapter, "model_name_or_path=" + folder.resolve("other"));
    assertThat(tiny.printed)
        .contains(tiny.out("first") + " was made for " + folder.resolve("model"));
    ShortRun wider = new ShortRun(folder.resolve("wider"), 320, 48);
    assertThatThrownBy(() -> wider.run("run", adapter))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining("wrong shape")
        .hasMessageContaining("Does the file belong to this model?");
  }
}
