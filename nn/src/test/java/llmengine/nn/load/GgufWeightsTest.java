package llmengine.nn.load;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import llmengine.engine.Backend;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.ShapeException;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;
import llmengine.engine.cpu.VectorBackend;
import llmengine.engine.file.GgufFile;
import llmengine.engine.file.GgufTensor;
import llmengine.nn.Batch;
import llmengine.nn.Decoder;
import llmengine.nn.Parameter;
import llmengine.nn.Shared;
import llmengine.nn.WeightSource;
import llmengine.nn.generate.Generator;
import llmengine.nn.generate.SamplingOptions;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Quantized matrices are used in the file's blocks and compute what their decoded values do. */
class GgufWeightsTest {
  private static final int[] PROMPT = {7, 3, 49, 0, 3, 21, 11};

  private final Backend backend = new VectorBackend();
  @TempDir Path directory;
  private Path file;

  @BeforeEach
  void write() throws IOException {
    file = directory.resolve("tiny.gguf");
    TinyGguf.write(file);
  }

  @AfterEach
  void close() {
    assertThat(backend.memory().used()).isZero();
    assertThat(backend.memory().mapped()).isZero();
    backend.close();
  }

  @Test
  void resultsAreThoseOfTheDecodedMatrices() {
    try (Pretrained files = Pretrained.open(file);
        Decoder packed = files.load(backend);
        Decoder plain = new Decoder(backend, files.spec(), decoded(files.weights()))) {
      assertThat(packed.embedding().weight().value().dtype()).isEqualTo(DType.PACKED);
      assertThat(logits(packed)).isEqualTo(logits(plain));
      SamplingOptions greedy = SamplingOptions.greedy(12, 49);
      assertThat(new Generator(packed, 2).generate(List.of(PROMPT), greedy).getFirst().ids())
          .isEqualTo(new Generator(plain, 2).generate(List.of(PROMPT), greedy).getFirst().ids());
    }
  }

  /** The same weights as plain float32 tensors. */
  private static WeightSource decoded(WeightSource stored) {
    return new WeightSource() {
      @Override
      public boolean has(String name) {
        return stored.has(name);
      }

      @Override
      public Tensor load(Scope scope, String name, int... shape) {
        Tensor wide = scope.empty(DType.F32, shape);
        try (Scope one = new Scope(scope.backend(), "stored")) {
          scope.backend().copy(stored.load(one, name, shape), wide);
        }
        return wide;
      }
    };
  }

  private float[] logits(Decoder model) {
    try (Scope scope = new Scope(backend, "test")) {
      Tape tape = Tape.inference(scope);
      Tensor hidden = model.hidden(tape, Batch.of(scope, PROMPT, PROMPT.length));
      return model.logits(tape, hidden).toFloats();
    }
  }

  @Test
  void rowsOfQueriesAndKeysComeInHalves() {
    try (Pretrained files = Pretrained.open(file);
        GgufFile raw = GgufFile.open(file);
        Decoder model = files.load(backend)) {
      for (String kind : new String[] {"q", "k"}) {
        Parameter p = model.parameters().get("model.layers.1.self_attn." + kind + "_proj.weight");
        GgufTensor tensor = raw.tensor("blk.1.attn_" + kind + ".weight");
        float[] stored = new float[(int) tensor.count()];
        raw.decode(tensor, 0, stored, stored.length);
        float[] got = p.value().toFloats();
        int c = TinyGguf.WIDTH;
        int half = c / TinyGguf.HEADS / 2;
        for (int row = 0; row < p.value().rows(); row++) {
          int within = row % (2 * half);
          int from = row - within + (within < half ? 2 * within : 2 * (within - half) + 1);
          for (int col = 0; col < c; col++) {
            assertThat(got[row * c + col]).isEqualTo(stored[from * c + col]);
          }
        }
      }
    }
  }

  @Test
  void takesTheFilesBytesAndNoMore() throws IOException {
    try (Pretrained files = Pretrained.open(file);
        GgufFile raw = GgufFile.open(file);
        Decoder model = files.load(backend)) {
      long tensors = raw.tensors().values().stream().mapToLong(t -> t.data().byteSize()).sum();
      assertThat(backend.memory().mapped()).isEqualTo(tensors);
      long packed = 0;
      for (Parameter p : model.parameters().values()) {
        if (p.value().dtype() == DType.PACKED) {
          packed += p.value().packing().bytes();
        }
      }
      assertThat(packed).isGreaterThan(tensors * 9 / 10);
      long matrices = model.parameters().values().stream().mapToLong(Parameter::size).sum();
      assertThat(backend.memory().used()).isLessThan(matrices / 2); // norms and rope tables
    }
  }

  @Test
  @Tag("model")
  void realFileTakesItsSize() throws IOException {
    Path real = Shared.path("models/SmolLM2-135M-Instruct/SmolLM2-135M-Instruct.Q4_1.gguf");
    try (Pretrained files = Pretrained.open(real);
        Decoder model = files.load(backend)) {
      assertThat(model.linears()).isNotEmpty();
      long held = backend.memory().mapped() + backend.memory().used();
      assertThat(held).isBetween(Files.size(real) * 9 / 10, Files.size(real) * 105 / 100);
    }
  }

  @Test
  void isFrozenUntilMadeFloat() {
    try (Pretrained files = Pretrained.open(file);
        Decoder model = files.load(backend)) {
      Parameter p = model.parameters().get("model.layers.0.self_attn.q_proj.weight");
      float[] before = p.value().toFloats();
      assertThatThrownBy(() -> p.value().needsGrad(true)).isInstanceOf(ShapeException.class);
      assertThatThrownBy(() -> p.value().set(before)).isInstanceOf(ShapeException.class);
      p.toFloat32(model.scope());
      p.trainable(true);
      assertThat(p.value().toFloats()).isEqualTo(before);
    }
  }
}
