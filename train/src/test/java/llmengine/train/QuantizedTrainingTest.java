package llmengine.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import llmengine.engine.Backend;
import llmengine.engine.DType;
import llmengine.engine.FormatException;
import llmengine.engine.Scope;
import llmengine.engine.Tape;
import llmengine.engine.cpu.VectorBackend;
import llmengine.nn.Batch;
import llmengine.nn.Decoder;
import llmengine.nn.Parameter;
import llmengine.peft.Adapters;
import llmengine.train.checkpoint.WeightFiles;
import llmengine.train.config.RunConfig;
import llmengine.train.export.InferenceModel;
import llmengine.train.model.ModelSession;
import llmengine.train.plan.Plan;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** LoRA on packed weights: QLoRA, and its 8-bit sibling. */
class QuantizedTrainingTest {
  private static final int[] IDS = {5, 17, 99, 200, 3, 44, 61, 272};

  @TempDir private Path folder;
  private ShortRun tiny;

  @BeforeEach
  void make() throws IOException {
    tiny = new ShortRun(folder);
  }

  /** Same losses, gradients and adapter, bit by bit, as on a checkpoint of the decoded weights. */
  @ParameterizedTest
  @CsvSource({
    "bnb,4,nf4,true,true",
    "bnb,4,nf4,false,false",
    "bnb,4,fp4,true,true",
    "bnb,8,nf4,true,true",
    "hqq,3,nf4,true,true",
    "eetq,8,nf4,true,false"
  })
  void packedWeightsTrainAsTheirDecodedValues(
      String method, int bits, String type, boolean nested, boolean recompute) throws IOException {
    String[] words = {
      "quantization_method=" + method,
      "quantization_bit=" + bits,
      "quantization_type=" + type,
      "double_quantization=" + nested,
      "disable_gradient_checkpointing=" + !recompute,
      "max_steps=4",
      "lora_dropout=0.2"
    };
    tiny.run("packed", words);
    Path decoded = Files.createDirectories(folder.resolve("decoded"));
    for (String file : List.of("config.json", "tokenizer.json", "tokenizer_config.json")) {
      Files.copy(tiny.model.resolve(file), decoded.resolve(file));
    }
    try (Backend backend = new VectorBackend();
        ModelSession session = ModelSession.open(tiny.config("packed", words));
        Decoder model = session.load(backend)) {
      int packed = 0;
      for (Parameter p : model.parameters().values()) {
        boolean isLinear = p.name().startsWith("model.layers.") && p.value().shape().rank() == 2;
        assertThat(p.value().dtype() == DType.PACKED).as(p.name()).isEqualTo(isLinear);
        packed += isLinear ? 1 : 0;
      }
      assertThat(packed).isEqualTo(14);
      WeightFiles.writeModel(decoded, model, DType.F32, 1L << 30);
    }
    tiny.run(
        "dense",
        "model_name_or_path=" + decoded,
        "max_steps=4",
        "lora_dropout=0.2",
        "disable_gradient_checkpointing=" + !recompute);
    assertThat(tiny.log("packed")).isEqualTo(tiny.log("dense"));
    assertThat(tiny.values("packed", "loss")).isNotEqualTo(plain());
    assertThat(tiny.weights("packed").equals(tiny.weights("dense"))).isTrue();
  }

  private List<Double> plain() {
    tiny.run("plain", "max_steps=4", "lora_dropout=0.2");
    return tiny.values("plain", "loss");
  }

  @ParameterizedTest
  @ValueSource(ints = {4, 8})
  void stoppedAndResumedIsUnbroken(int bits) throws IOException {
    String[] words = {
      "quantization_bit=" + bits,
      "max_steps=5",
      "lora_dropout=0.2",
      "bf16=true",
      "eval_dataset=more",
      "eval_strategy=steps",
      "eval_steps=2"
    };
    tiny.run("whole", words);
    assertThat(tiny.run(ShortRun.after(3), "stopped", words)).isEqualTo(Trainer.End.INTERRUPTED);
    assertThat(tiny.run("stopped", words)).isEqualTo(Trainer.End.DONE);
    assertThat(tiny.weights("stopped").equals(tiny.weights("whole"))).isTrue();
    assertThat(tiny.log("stopped")).isEqualTo(tiny.log("whole"));
  }

  @ParameterizedTest
  @CsvSource({"4,true,false", "4,false,true", "8,true,true"})
  void plansCountPackedBytes(int bits, boolean nested, boolean bf16) throws IOException {
    String[] words = {
      "quantization_bit=" + bits, "double_quantization=" + nested, "bf16=" + bf16, "max_steps=1"
    };
    RunConfig config = tiny.config("run", words);
    try (Backend backend = new VectorBackend()) {
      tiny.open(
          backend,
          config,
          parts -> {
            if (bf16) {
              ModelSession.frozenToBf16(parts.model());
            }
            long weights = 0;
            for (Parameter p : parts.model().parameters().values()) {
              DType dtype = p.value().dtype();
              weights += dtype == DType.PACKED ? p.value().packing().bytes() : 0;
              weights += p.size() * dtype.bytes();
              boolean table = p.name().equals("model.embed_tokens.weight");
              assertThat(!table || dtype == (bf16 ? DType.BF16 : DType.F32)).isTrue();
            }
            for (Parameter p : parts.method().trainable()) {
              weights += 4 * p.size();
            }
            MemoryPlan plan =
                Summary.plan(config, parts.model(), parts.method(), parts.data().train());
            assertThat(plan.owners().get("weights")).isEqualTo(weights);
          });
      assertThat(backend.memory().used()).isZero();
    }
  }

  @Test
  void thePlanCommandKnowsItBeforeAWeightIsRead() throws IOException {
    List<String> words =
        List.of(
            "model_name_or_path=" + tiny.model,
            "dataset_dir=" + tiny.data,
            "dataset=talk",
            "template=chatml",
            "do_train=true",
            "cutoff_len=128",
            "max_steps=1",
            "quantization_bit=4",
            "output_dir=" + folder.resolve("run"));
    Plan plan = Plan.of(words);
    try (Backend backend = new VectorBackend()) {
      tiny.open(
          backend,
          tiny.config("run", "quantization_bit=4"),
          parts ->
              assertThat(plan.memory().owners().get("weights"))
                  .isEqualTo(
                      Summary.plan(
                              parts.config(), parts.model(), parts.method(), parts.data().train())
                          .owners()
                          .get("weights")));
    }
  }

  @Test
  void theSummarySaysHowSmallWeightsAre() {
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    new Training(
            tiny.config("run", "quantization_bit=4", "double_quantization=false", "max_steps=1"),
            new PrintStream(printed, true, StandardCharsets.UTF_8),
            ShortRun.NEVER)
        .run();
    assertThat(printed.toString(StandardCharsets.UTF_8))
        .contains("quant  nf4: 14 matrices, 4.50 bits a weight");
  }

  /** Inference keeps the adapter beside the weights, and gives all memory back. */
  @ParameterizedTest
  @ValueSource(ints = {4, 8})
  void inferenceComputesWhatEvaluationDid(int bits) throws IOException {
    String bit = "quantization_bit=" + bits;
    tiny.run("run", bit, "max_steps=3", "learning_rate=0.05");
    RunConfig config =
        RunConfig.forInference(
            List.of(
                "model_name_or_path=" + tiny.model,
                "template=chatml",
                bit,
                "infer_dtype=float32",
                "adapter_name_or_path=" + tiny.output("run")));
    try (Backend backend = new VectorBackend()) {
      float[] chat;
      float[] attached;
      float[] without;
      try (ModelSession session = ModelSession.open(config)) {
        try (Decoder model = InferenceModel.load(config, session, backend)) {
          chat = logits(model);
        }
        assertThat(backend.memory().used()).isZero();
        try (Decoder model = session.load(backend)) {
          without = logits(model);
          Adapters adapters = Adapters.open(model, tiny.output("run"), true);
          attached = logits(model);
          adapters.close();
          assertThatThrownBy(() -> Adapters.mergeAll(model, List.of(tiny.output("run"))))
              .isInstanceOf(FormatException.class)
              .hasMessageContaining("adapters can't be merged into a quantized model")
              .hasMessageContaining(bits == 4 ? "nf4" : "int8");
          assertThat(logits(model)).isEqualTo(without);
        }
      }
      assertThat(chat).isEqualTo(attached).isNotEqualTo(without);
      assertThat(backend.memory().used()).isZero();
    }
  }

  @Test
  void aPackedModuleCannotBeTrainedWhole() {
    assertThatThrownBy(
            () -> tiny.run("run", "quantization_bit=4", "additional_target=down_proj,embed_tokens"))
        .isInstanceOf(FormatException.class)
        .hasMessageStartingWith("additional_target: model.layers.0.mlp.down_proj.weight")
        .hasMessageContaining("a quantized weight is frozen");
    tiny.run("run", "quantization_bit=4", "max_steps=1", "additional_target=embed_tokens");
  }

  private static float[] logits(Decoder model) {
    try (Scope scope = new Scope(model.backend(), "test")) {
      Tape tape = Tape.inference(scope);
      return model.logits(tape, model.hidden(tape, Batch.of(scope, IDS, IDS.length))).toFloats();
    }
  }
}
