package llmengine.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import llmengine.engine.Backend;
import llmengine.engine.DType;
import llmengine.engine.cpu.VectorBackend;
import llmengine.nn.Decoder;
import llmengine.nn.Parameter;
import llmengine.train.config.RunConfig;
import llmengine.train.config.Shared;
import llmengine.train.export.Export;
import llmengine.train.export.InferenceModel;
import llmengine.train.model.ModelSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A LoRA adapter on the quantized weights of a GGUF file, and what becomes of it. */
class QuantizedBaseTest {
  @TempDir Path folder;

  @Test
  void trainsAsOnTheDecodedWeightsBitForBit() throws Exception {
    Path gguf = Shared.folder().resolve("golden/open/G_gguf_file/llama_q4_0_q6_k/model.gguf");
    assumeTrue(Files.exists(gguf), () -> "skipped: no reference data " + gguf);
    TinyRun tiny = new TinyRun(folder);
    String model = "model_name_or_path=" + gguf;
    Path decoded = folder.resolve("decoded");
    Export.run(
        RunConfig.forExport(
            List.of(model, "template=empty", "infer_dtype=float32", "export_dir=" + decoded)));
    String[] words = {"template=empty", "max_steps=4", "lora_target=all", "learning_rate=0.001"};
    tiny.train("packed", model, words[0], words[1], words[2], words[3]);
    assertThat(tiny.printed).contains("memory  plan");
    tiny.train("plain", "model_name_or_path=" + decoded, words[0], words[1], words[2], words[3]);
    double[] losses = tiny.logged("packed", "loss");
    assertThat(losses).isEqualTo(tiny.logged("plain", "loss")).hasSize(4);
    assertThat(losses[3]).isLessThan(losses[0]);
    assertThat(tiny.bytes("packed/adapter_model.safetensors"))
        .isEqualTo(tiny.bytes("plain/adapter_model.safetensors"));
    mergesIntoFloatsOfTheAdaptedLayersOnly(model, tiny.out("packed"));
  }

  private static void mergesIntoFloatsOfTheAdaptedLayersOnly(String model, Path adapter) {
    RunConfig config =
        RunConfig.forInference(
            List.of(
                model, "template=empty", "infer_dtype=float32", "adapter_name_or_path=" + adapter));
    try (Backend backend = new VectorBackend();
        ModelSession session = ModelSession.open(config);
        Decoder merged = InferenceModel.load(config, session, backend)) {
      for (Parameter p : merged.parameters().values()) {
        boolean adapted = p.value().shape().rank() == 1 || p.name().endsWith("_proj.weight");
        assertThat(p.value().dtype()).as(p.name()).isEqualTo(adapted ? DType.F32 : DType.PACKED);
      }
    }
  }
}
