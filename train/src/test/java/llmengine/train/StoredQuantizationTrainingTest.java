package llmengine.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import llmengine.engine.Backend;
import llmengine.engine.DType;
import llmengine.engine.FormatException;
import llmengine.engine.cpu.VectorBackend;
import llmengine.engine.file.SafetensorsType;
import llmengine.engine.file.SafetensorsWriter;
import llmengine.engine.file.TensorSource;
import llmengine.nn.Decoder;
import llmengine.nn.Parameter;
import llmengine.nn.load.Pretrained;
import llmengine.peft.Adapters;
import llmengine.quant.ptq.Gptq;
import llmengine.quant.ptq.QuantizedLayer;
import llmengine.train.checkpoint.JsonFiles;
import llmengine.train.checkpoint.WeightFiles;
import llmengine.train.model.ModelSession;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** LoRA on checkpoints that are quantized, and on weights of HQQ and EETQ. */
class StoredQuantizationTrainingTest {
  @TempDir private Path folder;
  private ShortRun tiny;

  @BeforeEach
  void make() throws IOException {
    tiny = new ShortRun(folder, 320, 64);
  }

  private Path copyOfFolder(String name) throws IOException {
    Path copy = Files.createDirectories(folder.resolve(name));
    for (String file : List.of("config.json", "tokenizer.json", "tokenizer_config.json")) {
      Files.copy(tiny.model.resolve(file), copy.resolve(file));
    }
    return copy;
  }

  /** The tiny model in 4 bits of GPTQ, rounded to nearest. */
  private Path gptq() throws IOException {
    Path packed = copyOfFolder("gptq");
    ObjectNode config = (ObjectNode) JsonFiles.read(packed.resolve("config.json"));
    config
        .putObject("quantization_config")
        .put("quant_method", "gptq")
        .put("bits", 4)
        .put("group_size", 32)
        .put("checkpoint_format", "gptq");
    Files.writeString(packed.resolve("config.json"), config.toString());
    List<TensorSource> tensors = new ArrayList<>();
    try (Backend backend = new VectorBackend();
        Pretrained files = Pretrained.open(tiny.model);
        Decoder model = files.load(backend)) {
      for (Parameter p : model.parameters().values()) {
        String module = p.name().replace(".weight", "");
        float[] values = p.value().toFloats();
        if (p.name().contains("_proj")) {
          tensors.addAll(Gptq.tensors(module, rounded(p, values), 4, false));
        } else {
          long[] shape = Arrays.stream(p.value().shape().dims()).asLongStream().toArray();
          tensors.add(
              TensorSource.of(p.name(), SafetensorsType.F32, shape, MemorySegment.ofArray(values)));
        }
      }
    }
    new SafetensorsWriter().write(packed.resolve("model.safetensors"), tensors, Map.of());
    return packed;
  }

  private static QuantizedLayer rounded(Parameter p, float[] w) {
    int n = p.value().rows();
    int k = p.value().cols();
    byte[] codes = new byte[w.length];
    float[] scales = new float[k / 32 * n];
    byte[] zeros = new byte[scales.length];
    Arrays.fill(zeros, (byte) 8);
    for (int i = 0; i < w.length; i++) {
      int at = i % k / 32 * n + i / k;
      scales[at] = Math.max(scales[at], Math.abs(w[i]) / 7);
    }
    for (int i = 0; i < w.length; i++) {
      codes[i] = (byte) (8 + Math.round(w[i] / scales[i % k / 32 * n + i / k]));
    }
    return new QuantizedLayer(n, k, 32, codes, scales, zeros, null);
  }

  /** Same losses and adapter, bit by bit, as on a checkpoint of the decoded weights. */
  private void trainsAsDecoded(String... words) throws IOException {
    List<String> all = new ArrayList<>(List.of(words));
    all.addAll(List.of("max_steps=2", "lora_dropout=0.2"));
    tiny.run("packed", all.toArray(String[]::new));
    Path decoded = copyOfFolder("decoded");
    try (Backend backend = new VectorBackend();
        ModelSession session =
            ModelSession.open(tiny.config("packed", all.toArray(String[]::new)));
        Decoder model = session.load(backend)) {
      long packed =
          model.parameters().values().stream()
              .filter(p -> p.value().dtype() == DType.PACKED)
              .count();
      assertThat(packed).isEqualTo(14);
      WeightFiles.writeModel(decoded, model, DType.F32, 1L << 30);
    }
    tiny.run("dense", "model_name_or_path=" + decoded, "max_steps=2", "lora_dropout=0.2");
    assertThat(tiny.log("packed")).isEqualTo(tiny.log("dense"));
    assertThat(tiny.weights("packed").equals(tiny.weights("dense"))).isTrue();
  }

  @ParameterizedTest
  @CsvSource({"hqq, 4", "hqq, 3", "eetq, 8"})
  void weightsPackedWhileLoadingTrainAsTheirDecodedValues(String method, int bits)
      throws IOException {
    trainsAsDecoded("quantization_method=" + method, "quantization_bit=" + bits);
  }

  @Test
  void quantizedCheckpointsTrainAsTheirDecodedValues() throws IOException {
    trainsAsDecoded("model_name_or_path=" + gptq());
  }

  @Test
  void quantizationBitHasNoEffectOnQuantizedCheckpoints() throws IOException {
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    new Training(
            tiny.config("run", "model_name_or_path=" + gptq(), "quantization_bit=8", "max_steps=1"),
            new PrintStream(printed, true, StandardCharsets.UTF_8),
            ShortRun.NEVER)
        .run();
    assertThat(printed.toString(StandardCharsets.UTF_8))
        .contains("quantization_bit has no effect: the checkpoint is quantized")
        .contains("quant  gptq: 14 matrices");
  }

  @Test
  void whatQuantizedCheckpointsCannotDoIsRefused() throws IOException {
    String model = "model_name_or_path=" + gptq();
    assertThatThrownBy(() -> tiny.run("full", model, "finetuning_type=full", "max_steps=1"))
        .isInstanceOf(TrainException.class)
        .hasMessageContaining("can only be trained by adapters");
    assertThatThrownBy(() -> tiny.run("dora", model, "use_dora=true", "max_steps=1"))
        .isInstanceOf(TrainException.class)
        .hasMessageContainingAll("use_dora", "gptq");
    tiny.run("lora", model, "max_steps=1");
    try (Backend backend = new VectorBackend();
        Pretrained files = Pretrained.open(folder.resolve("gptq"));
        Decoder decoder = files.load(backend)) {
      assertThatThrownBy(() -> Adapters.mergeAll(decoder, List.of(tiny.output("lora"))))
          .isInstanceOf(FormatException.class)
          .hasMessageContainingAll("can't be merged into a quantized model", "gptq");
    }
  }
}
